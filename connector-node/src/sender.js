/** Sends as a person would: one message at a time, after some typing; bursts get accounts banned. */
import { setTimeout } from 'node:timers/promises'
import PQueue from 'p-queue'
import wwebjs from 'whatsapp-web.js'
import { isGroup, messageId } from './identity.js'
import { messageOf } from './messages.js'
import { messagesSince, showTyping } from './page.js'
import { Problem } from './problem.js'
import { within } from './within.js'

const { MessageMedia } = wwebjs
const MINUTE_MS = 60_000
const SLOW = 'WhatsApp Web did not answer in time'
/** A page that has just begun may not know yet what was sent a moment before. */
const SETTLED_MS = 10_000
const LOOKED_AT = 200
/** Typing: of 90 words a minute, and never so long that the customer gives up. */
const MS_PER_CHARACTER = 40
const SHORTEST_MS = 600
const LONGEST_MS = 7000

/** @typedef {import('./sends.js').Wanted & { typing?: boolean }} Request */

export class Sender {
  #settings
  #session
  #sends
  #metrics
  #log
  #queue = new PQueue({ concurrency: 1 })
  /** @type {number[]} when what was sent in the last minute was sent */ #sent = []

  /**
   * @param {import('./settings.js').Settings} settings
   * @param {{ session: import('./session.js').Session, sends: import('./sends.js').Sends, metrics: import('./metrics.js').Metrics, log: import('pino').Logger }} parts
   */
  constructor (settings, { session, sends, metrics, log }) {
    this.#settings = settings
    this.#session = session
    this.#sends = sends
    this.#metrics = metrics
    this.#log = log
  }

  /**
   * Send under a key, once.
   * @param {string} key
   * @param {Request} request
   * @returns {Promise<string>} WhatsApp's id
   */
  send (key, { typing, ...wanted }) {
    return this.#sends.once(key, wanted, () => this.#queued(key, wanted, typing ?? this.#settings.typing), this.#look)
  }

  /** @param {string} key */
  find (key) {
    return this.#sends.find(key, this.#look)
  }

  /**
   * @param {string} key
   * @param {import('./sends.js').Wanted} wanted
   * @param {boolean} typing
   * @returns {Promise<string>}
   */
  #queued (key, wanted, typing) {
    this.#ready()
    const now = Date.now()
    while (this.#sent.length && this.#sent[0] < now - MINUTE_MS) this.#sent.shift()
    if (this.#sent.length >= this.#settings.sendPerMinute) {
      throw new Problem(429, 'too_many', 'this account has sent enough for a minute', { 'retry-after': String(Math.ceil((this.#sent[0] + MINUTE_MS - now) / 1000)) })
    }
    // Counted before it is sent: requests that wait for the page at the same time count, too.
    this.#sent.push(now)
    return /** @type {Promise<string>} */ (this.#queue.add(() => this.#send(key, wanted, typing)))
  }

  /**
   * @param {string} key
   * @param {import('./sends.js').Wanted} wanted
   * @param {boolean} typing
   */
  async #send (key, { chat, text, reply_to: replyTo, media }, typing) {
    const client = this.#ready()
    const isKnown = !chat.endsWith('@c.us') || await within(this.#settings.callTimeoutMs, client.getNumberId(chat), SLOW).catch((error) => {
      this.#log.warn({ reason: error }, 'number_not_looked_up')
      throw new Problem(503, 'not_ready', 'WhatsApp Web does not answer', { 'retry-after': '10' })
    })
    if (!isKnown) throw new Problem(422, 'number_not_on_whatsapp', 'this number is not on WhatsApp')
    const also = await this.#otherId(client, chat)
    if (also) await this.#sends.alias(key, also)
    if (typing) await this.#type(client, chat, text)
    const options = {
      // Sending marks the chat as read by default; only an answer of a person or an agent should.
      sendSeen: false,
      // Without waiting for the server a text that is only in the page would count as sent.
      waitUntilMsgSent: true,
      ...(replyTo && { quotedMessageId: replyTo }),
      ...(media && { media: new MessageMedia(media.mimetype, media.data, media.filename), sendAudioAsVoice: Boolean(media.voice) })
    }
    const message = await client.sendMessage(chat, text, options).catch((/** @type {unknown} */ error) => {
      // Digits of a LID under the server of phone numbers, or a number that nobody has.
      if (/No LID for user/i.test(String(error))) throw new Problem(422, 'number_not_on_whatsapp', 'this number is not on WhatsApp')
      // The page goes on with what it was asked: only in a new one nothing can leave any more.
      if (/timed out/i.test(String(error))) this.#session.renew('a message could not be sent in time').catch(() => {})
      throw error
    })
    // The library says nothing also where it sent, and did not find the message by its id.
    if (!message) throw new Error('WhatsApp Web did not say what it sent')
    this.#metrics.sent()
    return messageId(/** @type {any} */ (message.id))
  }

  /**
   * The same chat by a LID where this is a number, and the other way round.
   * @param {any} client
   * @param {string} chat
   * @returns {Promise<string | undefined>}
   */
  async #otherId (client, chat) {
    if (isGroup(chat)) return undefined
    try {
      const [ids] = await within(this.#settings.callTimeoutMs, client.getContactLidAndPhone([chat]), SLOW)
      return [ids?.lid, ids?.pn].find((id) => id && id !== chat)
    } catch (error) {
      this.#log.debug({ reason: error }, 'other_id_not_known')
      return undefined
    }
  }

  /**
   * @param {any} client
   * @param {string} chat
   * @param {string} text
   */
  async #type (client, chat, text) {
    const long = Math.min(LONGEST_MS, SHORTEST_MS + [...text].length * MS_PER_CHARACTER) * (0.75 + Math.random() / 2)
    const show = (/** @type {boolean} */ isTyping) => within(this.#settings.callTimeoutMs, client.pupPage.evaluate(showTyping, chat, isTyping), SLOW)
      .catch((error) => this.#log.debug({ reason: error }, 'typing_not_shown'))
    await show(true)
    await setTimeout(long)
    await show(false)
  }

  /**
   * What was said in a chat of late, for a send whose outcome is unknown.
   * @param {string} chat
   * @param {number} since seconds since 1970
   */
  #look = async (/** @type {string} */ chat, /** @type {number} */ since) => {
    const client = this.#ready()
    const young = SETTLED_MS - (Date.now() - this.#session.since.getTime())
    if (young > 0) await setTimeout(young)
    const { messages } = await within(this.#settings.callTimeoutMs, client.pupPage.evaluate(messagesSince, chat, since, LOOKED_AT, 0), SLOW)
    return messages.map((/** @type {any} */ model) => messageOf(client, model))
  }

  /** @returns {any} the client, where the account is connected */
  #ready () {
    const { state, client } = this.#session
    if (state !== 'WORKING' || !client) throw new Problem(503, 'not_ready', 'WhatsApp is not connected', { 'retry-after': '10' })
    return client
  }
}
