/** What was sent under which key: the same key sends once, also when this process dies in between. */
import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { readFile, readdir, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { writeDurably } from './durable.js'

const KEPT_MS = 7 * 24 * 3600 * 1000

/** @typedef {{ state: 'sending' | 'sent', chat: string, message_id?: string }} Send */

export class Sends {
  #directory
  /** @type {Map<string, Promise<string>>} */
  #underWay = new Map()

  /** @param {string} directory made if it is not there */
  constructor (directory) {
    this.#directory = directory
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  }

  /**
   * Send under a key, unless that was done: then the first result.
   * @param {string} key
   * @param {string} chat
   * @param {() => Promise<string>} send resolves with WhatsApp's id; rejects with `notSent` set where it certainly did not leave
   * @returns {Promise<string>} WhatsApp's id
   */
  once (key, chat, send) {
    const running = this.#underWay.get(key)
    if (running) return running
    const promise = this.#once(key, chat, send).finally(() => this.#underWay.delete(key))
    this.#underWay.set(key, promise)
    return promise
  }

  /**
   * @param {string} key
   * @returns {Promise<{ state: 'sent' | 'unknown', message_id?: string } | null>} null where it certainly was not sent
   */
  async find (key) {
    await this.#underWay.get(key)?.catch(() => {})
    const known = await this.#read(key)
    if (!known) return null
    return known.state === 'sent' ? { state: 'sent', message_id: known.message_id } : { state: 'unknown' }
  }

  /** Forget what is too old for anybody to ask about. */
  async tidy () {
    for (const name of await readdir(this.#directory)) {
      const file = path.join(this.#directory, name)
      if (Date.now() - (await stat(file)).mtimeMs > KEPT_MS) await rm(file, { force: true })
    }
  }

  /**
   * @param {string} key
   * @param {string} chat
   * @param {() => Promise<string>} send
   */
  async #once (key, chat, send) {
    const known = await this.#read(key)
    if (known?.state === 'sent') return /** @type {string} */ (known.message_id)
    if (known) throw new UnknownOutcome()
    await this.#write(key, { state: 'sending', chat })
    try {
      const id = await send()
      await this.#write(key, { state: 'sent', chat, message_id: id })
      return id
    } catch (error) {
      if (/** @type {any} */ (error).notSent) await rm(this.#file(key), { force: true })
      throw error
    }
  }

  /** @param {string} key */
  #file (key) {
    return path.join(this.#directory, `${createHash('sha256').update(key).digest('hex')}.json`)
  }

  /**
   * @param {string} key
   * @returns {Promise<Send | null>}
   */
  async #read (key) {
    try {
      return JSON.parse(await readFile(this.#file(key), 'utf8'))
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return null
      throw error
    }
  }

  /**
   * @param {string} key
   * @param {Send} send
   */
  async #write (key, send) {
    await writeDurably(this.#file(key), JSON.stringify(send))
  }
}

/** This process died while it was sending. */
export class UnknownOutcome extends Error {}
