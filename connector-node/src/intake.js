/** From `message` events to the spool: in order within a chat, each once, whatever the page answers. */
import { chatOf, payloadOf, senderOf } from './capture.js'
import { isCritical, isIgnoredNumber, whyIgnored } from './filter.js'
import { isGroup, isLid, messageId } from './identity.js'
import { within } from './within.js'

const REMEMBERED = 5000
/** The newest messages of a chat are this one and what arrived since; both are left out of its history. */
const SLACK = 10

/**
 * @typedef {object} Options
 * @property {import('./settings.js').Settings} settings
 * @property {Pick<import('./delivery.js').Delivery, 'keep' | 'complete' | 'deliver' | 'drop'>} delivery
 * @property {() => Promise<Iterable<string>>} criticalGroups resolves when they are known
 * @property {import('pino').Logger} log
 */

export class Intake {
  #options
  /** @type {Map<string, Promise<void>>} */ #chats = new Map()
  /** @type {Map<string, number>} */ #seen = new Map()
  #count = 0

  /** @param {Options} options */
  constructor (options) {
    this.#options = options
  }

  /**
   * Take a message in. The library fires more than once for some.
   * @param {import('whatsapp-web.js').Message} message
   * @param {import('whatsapp-web.js').Client | null} client
   * @returns {Promise<void>} resolves when it is on disk, or ignored
   */
  take (message, client) {
    const id = messageId(/** @type {any} */ (message.id))
    if (this.#seen.has(id)) return Promise.resolve()
    this.#seen.set(id, this.#count++)
    if (this.#seen.size > REMEMBERED) this.#seen.delete(/** @type {string} */ (this.#seen.keys().next().value))
    const why = whyIgnored(message, this.#options.settings)
    if (why) {
      this.#options.log.debug({ message: id, why }, 'message_ignored')
      return Promise.resolve()
    }
    const chat = chatOf(message)
    /** @type {import('./capture.js').Payload} */
    let bare
    try {
      bare = payloadOf(message, { chat: undefined, contact: undefined, ids: undefined, history: [] }, this.#options.settings)
    } catch (error) {
      this.#seen.delete(id)
      this.#options.log.error({ message: id, reason: String(error) }, 'message_not_understood')
      return Promise.resolve()
    }
    // On disk first, as it is: a crash while the page is asked about it loses only what the page would have said.
    const kept = this.#options.delivery.keep(chat, bare)
    const turn = (this.#chats.get(chat) ?? Promise.resolve()).then(async () => {
      const name = await kept
      try {
        await this.#capture(chat, message, client, name)
      } catch (error) {
        this.#options.log.error({ message: id, reason: String(error) }, 'capture_incomplete')
        this.#options.delivery.deliver(name, chat)
      }
    }).catch((error) => {
      this.#options.log.error({ message: id, reason: String(error) }, 'capture_failed')
    })
    this.#chats.set(chat, turn)
    return turn.finally(() => { if (this.#chats.get(chat) === turn) this.#chats.delete(chat) })
  }

  /**
   * Take up what an earlier run left on disk, in its order: what was still undecided then is decided now.
   * @param {import('./spool.js').Entry[]} left with their names
   */
  async resume (left) {
    for (const { name = '', chat, payload } of left) {
      const turn = (this.#chats.get(chat) ?? Promise.resolve()).then(async () => {
        // Before the page was asked, a chat is named like its sender: then there is nothing to decide by.
        const group = payload.chat_name === payload.sender_id ? undefined : payload.chat_name
        if (await this.#whyDropped(chat, payload, group)) await this.#options.delivery.drop(name)
        else this.#options.delivery.deliver(name, chat)
      }).catch((error) => this.#options.log.error({ name, reason: String(error) }, 'resume_failed'))
      this.#chats.set(chat, turn)
    }
  }

  /** @returns {Promise<void>} resolves when nothing is being captured */
  async idle () {
    await Promise.allSettled(this.#chats.values())
  }

  /**
   * @param {string} chat
   * @param {import('whatsapp-web.js').Message} message
   * @param {import('whatsapp-web.js').Client | null} client
   * @param {string} name of the kept message
   */
  async #capture (chat, message, client, name) {
    const { settings, delivery, log } = this.#options
    const around = await this.#surroundings(chat, message, client)
    const payload = payloadOf(message, around, settings)
    // With the group's name on disk, a restart before the list of critical groups is known can still decide.
    await delivery.complete(name, chat, payload)
    const why = await this.#whyDropped(chat, payload, around.chat?.name)
    if (why) {
      log.debug({ message: payload.message_id, why }, 'message_ignored')
      await delivery.drop(name)
      return
    }
    delivery.deliver(name, chat)
    log.info({ message: payload.message_id, history: payload.history.length, type: payload.message_type }, 'message_captured')
  }

  /**
   * @param {string} chat
   * @param {import('./capture.js').Payload} payload
   * @param {string | undefined} name of the group, where the page told it
   * @returns {Promise<string | null>}
   */
  async #whyDropped (chat, payload, name) {
    const { settings } = this.#options
    if (isIgnoredNumber({ phone_number: payload.phone_number, lid: payload.lid }, settings.ignoreNumbers)) return 'number'
    // A group whose name the page did not tell is kept: it may be one that matters.
    if (isGroup(chat) && settings.groups === 'critical' && name !== undefined) {
      return isCritical({ id: chat, name }, await this.#options.criticalGroups()) ? null : 'group'
    }
    return null
  }

  /**
   * What the page knows around a message. A question that fails leaves its part out: the message itself must not wait.
   * @param {string} chat
   * @param {import('whatsapp-web.js').Message} message
   * @param {any} client
   * @returns {Promise<import('./capture.js').Surroundings>}
   */
  async #surroundings (chat, message, client) {
    const { settings, log } = this.#options
    /**
     * @param {string} what
     * @param {() => Promise<any>} question
     */
    const ask = async (what, question) => {
      try {
        return client ? await within(settings.callTimeoutMs, question(), `no answer about the ${what}`) : undefined
      } catch (error) {
        log.warn({ what, reason: String(error).slice(0, 300) }, 'surroundings_incomplete')
        return undefined
      }
    }
    const sender = senderOf(message)
    const [found, contact, ids] = await Promise.all([
      ask('chat', () => client.getChatById(chat)),
      ask('contact', () => client.getContactById(sender)),
      isLid(sender) ? ask('phone number', async () => (await client.getContactLidAndPhone([sender]))[0]) : undefined
    ])
    const history = settings.historyLimit && found
      ? await ask('history', () => found.fetchMessages({ limit: settings.historyLimit + SLACK }))
      : undefined
    return { chat: found, contact, ids, history: history ?? [], arrival: (id) => this.#seen.get(id) }
  }
}
