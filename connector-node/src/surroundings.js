/** What the page knows around a message. A question that fails leaves its part out: the message itself must not wait. */
import { chatOf, senderOf } from './capture.js'
import { isGroup, isLid } from './identity.js'
import { within } from './within.js'

/** The newest messages of a chat are this one and what arrived since; both are left out of its history. */
const SLACK = 10

/** @typedef {import('./capture.js').Surroundings} Found */

export class Surroundings {
  #settings
  #log

  /**
   * @param {Pick<import('./settings.js').Settings, 'historyLimit' | 'callTimeoutMs'>} settings
   * @param {Pick<import('pino').Logger, 'warn'>} log
   */
  constructor (settings, log) {
    this.#settings = settings
    this.#log = log
  }

  /**
   * Chat, sender and, unless it is known, what was said before.
   * @param {any} client a whatsapp-web.js Client; null where there is none
   * @param {import('whatsapp-web.js').Message} message
   * @param {{ history?: boolean }} [wanted]
   * @returns {Promise<Found>}
   */
  async of (client, message, { history = true } = {}) {
    const limit = history && this.#settings.historyLimit
    const [chat, who] = await Promise.all([this.#chat(client, chatOf(message)), this.who(client, message)])
    const before = limit && chat ? await this.#ask(client, 'history', () => chat.fetchMessages({ limit: limit + SLACK })) : undefined
    return { chat, ...who, history: before ?? [] }
  }

  /**
   * @param {any} client
   * @param {import('whatsapp-web.js').Message} message
   * @returns {Promise<Pick<Found, 'contact' | 'ids'>>} of a message of ours the chat's other side, whom it is about
   */
  async who (client, message) {
    const sender = message.fromMe ? chatOf(message) : senderOf(message)
    if (isGroup(sender)) return { contact: undefined, ids: undefined }
    const [contact, ids] = await Promise.all([
      this.#ask(client, 'contact', () => client.getContactById(sender)),
      isLid(sender) ? this.#ask(client, 'phone number', async () => (await client.getContactLidAndPhone([sender]))[0]) : undefined
    ])
    return { contact, ids }
  }

  /**
   * @param {any} client
   * @param {string} chat
   * @returns {Promise<string | undefined>} the name of a group; nothing where it is none, or nobody knows
   */
  async groupName (client, chat) {
    return isGroup(chat) ? (await this.#chat(client, chat))?.name : undefined
  }

  /**
   * @param {any} client
   * @param {string} chat
   */
  #chat (client, chat) {
    return this.#ask(client, 'chat', () => client.getChatById(chat))
  }

  /**
   * @param {any} client
   * @param {string} what
   * @param {() => Promise<any>} question
   */
  async #ask (client, what, question) {
    try {
      return client ? await within(this.#settings.callTimeoutMs, question(), `no answer about the ${what}`) : undefined
    } catch (error) {
      this.#log.warn({ what, reason: error }, 'surroundings_incomplete')
      return undefined
    }
  }
}
