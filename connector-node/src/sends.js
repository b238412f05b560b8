/** What was sent under which key: the same key sends once, also when this process dies in between. */
import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { readFile, readdir, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { writeDurably } from './durable.js'
import { within } from './within.js'

const KEPT_MS = 7 * 24 * 3600 * 1000
const SUFFIX = '.json'

/** @typedef {{ key: string, state: 'sending' | 'sent', content: string, message_id?: string }} Send */

export class Sends {
  #directory
  #patienceMs
  /** @type {Map<string, { content: string, sending: Promise<string> }>} */
  #underWay = new Map()
  /** @type {Map<string, string>} WhatsApp's id → key */
  #keys = new Map()

  /**
   * @param {string} directory made if it is not there
   * @param {number} [patienceMs] how long callers wait for one send; it goes on without them, and its result is kept
   */
  constructor (directory, patienceMs = 30_000) {
    this.#directory = directory
    this.#patienceMs = patienceMs
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  }

  /**
   * Send under a key, unless that was done: then the first result.
   * @param {string} key
   * @param {string} content what is sent to whom: a key that comes with another one is refused
   * @param {() => Promise<string>} send resolves with WhatsApp's id; rejects with `notSent` set where it certainly did not leave
   * @returns {Promise<string>} WhatsApp's id; rejects with UnknownOutcome where it may have left, OtherContent, or the error of `send`
   */
  async once (key, content, send) {
    const digest = createHash('sha256').update(content).digest('base64')
    let running = this.#underWay.get(key)
    if (!running) {
      running = { content: digest, sending: this.#once(key, digest, send).finally(() => this.#underWay.delete(key)) }
      this.#underWay.set(key, running)
    }
    if (running.content !== digest) throw new OtherContent()
    return within(this.#patienceMs, running.sending, 'no confirmation in time').catch((error) => {
      throw error.notSent || error instanceof OtherContent ? error : new UnknownOutcome(undefined, { cause: error })
    })
  }

  /**
   * @param {string} key
   * @returns {Promise<{ state: 'sent' | 'unknown', message_id?: string } | null>} null where it certainly was not sent
   */
  async find (key) {
    const running = this.#underWay.get(key)
    if (running) await within(this.#patienceMs, running.sending, 'still being sent').catch(() => {})
    const known = await this.#read(key)
    if (!known) return null
    return known.state === 'sent' ? { state: 'sent', message_id: known.message_id } : { state: 'unknown' }
  }

  /**
   * @param {string} messageId WhatsApp's id
   * @returns {string | undefined} the key that it was sent under, where it was sent here
   */
  keyOf (messageId) {
    return this.#keys.get(messageId)
  }

  /** @returns {Promise<void>} resolves when what is under way now has left or failed */
  async idle () {
    await Promise.allSettled([...this.#underWay.values()].map(({ sending }) => sending))
  }

  /** Learn what was sent before, and forget what is too old for anybody to ask about. */
  async tidy () {
    for (const name of await readdir(this.#directory)) {
      const file = path.join(this.#directory, name)
      if (Date.now() - (await stat(file)).mtimeMs > KEPT_MS) {
        const old = await this.#parsed(file)
        if (old?.message_id) this.#keys.delete(old.message_id)
        await rm(file, { force: true })
      } else if (name.endsWith(SUFFIX)) {
        const known = await this.#parsed(file)
        if (known?.message_id) this.#keys.set(known.message_id, known.key)
      }
    }
  }

  /**
   * @param {string} key
   * @param {string} content
   * @param {() => Promise<string>} send
   */
  async #once (key, content, send) {
    const known = await this.#read(key)
    if (known && known.content !== content) throw new OtherContent()
    if (known?.state === 'sent') return /** @type {string} */ (known.message_id)
    if (known) throw new UnknownOutcome()
    await this.#write({ key, state: 'sending', content })
    try {
      const id = await send()
      this.#keys.set(id, key)
      await this.#write({ key, state: 'sent', content, message_id: id })
      return id
    } catch (error) {
      if (/** @type {any} */ (error).notSent) await rm(this.#file(key), { force: true })
      throw error
    }
  }

  /** @param {string} key */
  #file (key) {
    return path.join(this.#directory, `${createHash('sha256').update(key).digest('hex')}${SUFFIX}`)
  }

  /** @param {string} key */
  #read (key) {
    return this.#parsed(this.#file(key))
  }

  /**
   * @param {string} file
   * @returns {Promise<Send | null>}
   */
  async #parsed (file) {
    try {
      return JSON.parse(await readFile(file, 'utf8'))
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return null
      throw error
    }
  }

  /** @param {Send} send */
  async #write (send) {
    await writeDurably(this.#file(send.key), JSON.stringify(send))
  }
}

/** It may have left: this process died while it was sending, or WhatsApp did not confirm. */
export class UnknownOutcome extends Error {}

/** The key was used for another text or chat. */
export class OtherContent extends Error {}
