/** What was sent under which key: the same key sends once, also when this process dies in between. */
import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { readFile, readdir, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { writeDurably } from './durable.js'
import { messageId, widText } from './identity.js'
import { within } from './within.js'

const KEPT_MS = 7 * 24 * 3600 * 1000
const SUFFIX = '.json'
/** How far WhatsApp's clock may be behind ours. */
const CLOCK_SLACK_S = 120
/** How long a text that was cut off may still leave. */
const LATEST_S = 24 * 3600

/**
 * @typedef {object} Send
 * @property {string} key
 * @property {'sending' | 'sent'} state
 * @property {string} chat
 * @property {string} [also] the chat's other id, by which WhatsApp may show it
 * @property {string} content digest of all that was asked for: a key that comes with something else is refused
 * @property {string} echo digest of what WhatsApp shows of it
 * @property {number} at seconds since 1970
 * @property {string} [message_id]
 * @property {number} [ack] the last that the backend was told
 */

/**
 * @typedef {object} Wanted
 * @property {string} chat
 * @property {string} text
 * @property {string} [reply_to]
 * @property {{ mimetype: string, filename?: string, data: string, voice?: boolean }} [media]
 */

/** @typedef {import('whatsapp-web.js').Message} Message */

export class Sends {
  #directory
  #patienceMs
  /** @type {Map<string, { content: string, sending: Promise<string> }>} */
  #underWay = new Map()
  /** @type {Map<string, Send>} key → what is known of it */
  #known = new Map()
  /** @type {Map<string, string>} WhatsApp's id → key */
  #keys = new Map()
  /** @type {Map<string, Promise<void>>} */
  #writing = new Map()

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
   * @param {Wanted} wanted
   * @param {() => Promise<string>} send resolves with WhatsApp's id; rejects with `notSent` set where it certainly did not leave
   * @param {(chat: string, since: number) => Promise<Message[]>} look tells what was said in a chat since then; rejects where that cannot be told now
   * @returns {Promise<string>} WhatsApp's id; rejects with UnknownOutcome where it may have left, OtherContent, or the error of `send`
   */
  async once (key, wanted, send, look) {
    const content = digest(wanted)
    let running = this.#underWay.get(key)
    if (!running) {
      running = { content, sending: this.#once(key, wanted, content, send, look).finally(() => this.#underWay.delete(key)) }
      this.#underWay.set(key, running)
    }
    if (running.content !== content) throw new OtherContent()
    return within(this.#patienceMs, running.sending, 'no confirmation in time').catch((error) => {
      throw error.notSent || error instanceof OtherContent ? error : new UnknownOutcome(undefined, { cause: error })
    })
  }

  /**
   * @param {string} key
   * @param {(chat: string, since: number) => Promise<Message[]>} look
   * @returns {Promise<{ state: 'sent' | 'unknown' | 'not_sent', message_id?: string }>}
   */
  async find (key, look) {
    const running = this.#underWay.get(key)
    if (running) await within(this.#patienceMs, running.sending, 'still being sent').catch(() => {})
    if (this.#underWay.has(key)) return { state: 'unknown' }
    const known = this.#known.get(key)
    if (!known) return { state: 'not_sent' }
    const id = known.message_id ?? await this.#lookFor(known, look).catch(() => undefined)
    return id ? { state: 'sent', message_id: id } : { state: id === null ? 'not_sent' : 'unknown' }
  }

  /**
   * Whether a message that WhatsApp shows is one that was sent here; then its outcome is known from now on.
   * @param {Message} message
   * @returns {Promise<string | undefined>} its key
   */
  async recognise (message) {
    const id = messageId(/** @type {any} */ (message.id))
    const known = this.#keys.get(id)
    if (known || !message.fromMe) return known
    const chat = widText(/** @type {any} */ (message.id).remote) ?? message.to
    const echo = echoOf({ text: message.body ?? '', hasMedia: message.hasMedia })
    const send = [...this.#known.values()].find((one) => {
      const after = message.timestamp - one.at
      return one.state === 'sending' && one.echo === echo && (one.chat === chat || one.also === chat) && after >= -CLOCK_SLACK_S && after < LATEST_S
    })
    if (!send) return undefined
    await this.#settle(send, id)
    return send.key
  }

  /**
   * Note by which other id WhatsApp may show the chat of what is being sent.
   * @param {string} key
   * @param {string} also
   */
  async alias (key, also) {
    const send = this.#known.get(key)
    if (send) await this.#write({ ...send, also })
  }

  /** @returns {Send[]} what was sent and not read yet, as far as the backend was told; the newest first */
  unread () {
    return [...this.#known.values()].filter(({ state, ack }) => state === 'sent' && (ack ?? 0) < 3).sort((one, other) => other.at - one.at)
  }

  /**
   * @param {string} key
   * @param {number} ack
   * @returns {boolean} whether the backend has not been told so much yet
   */
  isNews (key, ack) {
    const send = this.#known.get(key)
    return send !== undefined && (send.ack === undefined || ack > send.ack || (ack < 0 && send.ack >= 0))
  }

  /**
   * Note what the backend will be told.
   * @param {string} key
   * @param {number} ack
   */
  async advance (key, ack) {
    const send = this.#known.get(key)
    if (send && this.isNews(key, ack)) await this.#write({ ...send, ack })
  }

  /** @returns {boolean} whether something is being sent */
  get isBusy () {
    return this.#underWay.size > 0
  }

  /** @returns {Promise<void>} resolves when what is under way now has left or failed */
  async idle () {
    await Promise.allSettled([...this.#underWay.values()].map(({ sending }) => sending))
  }

  /** Learn what was sent before, and forget what is too old for anybody to ask about. */
  async tidy () {
    for (const name of await readdir(this.#directory)) {
      const file = path.join(this.#directory, name)
      const known = name.endsWith(SUFFIX) ? await parsed(file).catch(() => null) : null
      if (Date.now() - (await stat(file)).mtimeMs > KEPT_MS) {
        if (known) this.#forget(known)
        await rm(file, { force: true })
      } else if (known && !this.#known.has(known.key)) {
        this.#learn(known)
      }
    }
  }

  /**
   * @param {string} key
   * @param {Wanted} wanted
   * @param {string} content
   * @param {() => Promise<string>} send
   * @param {(chat: string, since: number) => Promise<Message[]>} look
   */
  async #once (key, wanted, content, send, look) {
    // Not known, or lost by a disk that could not be read when this process started.
    const known = this.#known.get(key) ?? await parsed(this.#file(key)).catch((error) => { throw new UnknownOutcome(undefined, { cause: error }) })
    if (known) this.#learn(known)
    if (known && known.content !== content) throw new OtherContent()
    if (known?.message_id) return known.message_id
    if (known) {
      // A send that was cut off: the chat says what became of it.
      const id = await this.#lookFor(known, look).catch((error) => { throw new UnknownOutcome(undefined, { cause: error }) })
      if (id) return id
    }
    const echo = echoOf({ text: wanted.text, hasMedia: Boolean(wanted.media) })
    await this.#write({ key, state: 'sending', chat: wanted.chat, content, echo, at: Math.floor(Date.now() / 1000) })
    try {
      const id = await send()
      await this.#settle(/** @type {Send} */ (this.#known.get(key)), id)
      return id
    } catch (error) {
      const now = this.#known.get(key)
      if (now?.message_id) return now.message_id
      if (/** @type {any} */ (error).notSent && now) {
        this.#forget(now)
        await rm(this.#file(key), { force: true })
      }
      throw error
    }
  }

  /**
   * @param {Send} send
   * @param {(chat: string, since: number) => Promise<Message[]>} look
   * @returns {Promise<string | null>} WhatsApp's id, or null where it is not in the chat
   */
  async #lookFor (send, look) {
    for (const message of await look(send.chat, send.at - CLOCK_SLACK_S)) {
      if (await this.recognise(message) === send.key) return messageId(/** @type {any} */ (message.id))
    }
    return null
  }

  /**
   * @param {Send} send
   * @param {string} id
   */
  async #settle (send, id) {
    await this.#write({ ...(this.#known.get(send.key) ?? send), state: 'sent', message_id: id })
  }

  /** @param {Send} send */
  #learn (send) {
    this.#known.set(send.key, send)
    if (send.message_id) this.#keys.set(send.message_id, send.key)
  }

  /** @param {Send} send */
  #forget (send) {
    this.#known.delete(send.key)
    if (send.message_id) this.#keys.delete(send.message_id)
  }

  /** @param {string} key */
  #file (key) {
    return path.join(this.#directory, `${createHash('sha256').update(key).digest('hex')}${SUFFIX}`)
  }

  /** @param {Send} send */
  async #write (send) {
    // Known before it is on disk: WhatsApp's echo may be faster. One after the other, so that the newest is what stays.
    this.#learn(send)
    const writing = (this.#writing.get(send.key) ?? Promise.resolve()).catch(() => {})
      .then(() => writeDurably(this.#file(send.key), JSON.stringify(this.#known.get(send.key) ?? send)))
    this.#writing.set(send.key, writing)
    await writing.finally(() => { if (this.#writing.get(send.key) === writing) this.#writing.delete(send.key) })
  }
}

/** @param {Wanted} wanted */
function digest ({ chat, text, reply_to: replyTo, media }) {
  return createHash('sha256').update(JSON.stringify([chat, text, replyTo, media])).digest('base64')
}

/** @param {{ text: string, hasMedia: boolean }} shown */
function echoOf ({ text, hasMedia }) {
  return createHash('sha256').update(JSON.stringify([text.trim(), hasMedia])).digest('base64')
}

/**
 * @param {string} file
 * @returns {Promise<Send | null>} null where there is none; rejects where it cannot be read
 */
async function parsed (file) {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return null
    throw error
  }
}

/** It may have left: this process died while it was sending, or WhatsApp did not confirm. */
export class UnknownOutcome extends Error {}

/** The key was used for another text or chat. */
export class OtherContent extends Error {}
