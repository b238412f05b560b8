/** Tells the backend what became of our messages: on the server, on the phone, read. */
import { messageId } from './identity.js'
import { acknowledgementsOf } from './page.js'
import { within } from './within.js'

/** WhatsApp's MessageAck → the outbox's states; 0 is “on its way”, which the outbox knows. */
const STATES = new Map([[-1, 'failed'], [1, 'sent'], [2, 'delivered'], [3, 'read'], [4, 'read']])
const SEND_PATIENCE_MS = 30_000
const LOOKED_AT = 500

export class Acknowledgements {
  #settings
  #sends
  #delivery
  #log

  /**
   * @param {import('./settings.js').Settings} settings
   * @param {import('./sends.js').Sends} sends
   * @param {Pick<import('./delivery.js').Delivery, 'add'>} delivery
   * @param {import('pino').Logger} log
   */
  constructor (settings, sends, delivery, log) {
    this.#settings = settings
    this.#sends = sends
    this.#delivery = delivery
    this.#log = log
  }

  /**
   * @param {any} message of whatsapp-web.js
   * @param {number} ack
   * @returns {Promise<void>} resolves when it is on its way to the backend, or is none of ours
   */
  async report (message, ack) {
    let key = await this.#sends.recognise(message)
    if (!key) {
      // WhatsApp may tell of a message before its sender has heard its id.
      await within(SEND_PATIENCE_MS, this.#sends.idle(), 'a send takes long').catch(() => {})
      key = await this.#sends.recognise(message)
    }
    if (key) await this.#tell(key, messageId(message.id), ack)
  }

  /**
   * What happened while nobody listened.
   * @param {any} client
   */
  async catchUp (client) {
    const open = new Map(this.#sends.unread().slice(0, LOOKED_AT).map(({ key, message_id: id }) => [(id), key]))
    if (!open.size) return
    try {
      const found = await within(this.#settings.callTimeoutMs, client.pupPage.evaluate(acknowledgementsOf, [...open.keys()]), 'no acknowledgements')
      for (const [id, ack] of found) await this.#tell(/** @type {string} */ (open.get(id)), id, ack)
    } catch (error) {
      this.#log.warn({ reason: error }, 'acknowledgements_not_caught_up')
    }
  }

  /**
   * @param {string} key
   * @param {string} id
   * @param {number} ack
   */
  async #tell (key, id, ack) {
    const state = STATES.get(ack)
    if (!state || !this.#sends.isNews(key, ack)) return
    // On disk before it is noted: after a crash it is told again rather than never.
    await this.#delivery.add({ kind: 'acknowledgement', chat: `acknowledgements of ${key}`, body: { state, message_id: id, channel_key: key } })
    await this.#sends.advance(key, ack)
  }
}
