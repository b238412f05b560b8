/** Tells the backend what became of our messages: on the server, on the phone, read. */
import pRetry, { AbortError } from 'p-retry'
import { TEMPORARY } from './delivery.js'
import { messageId } from './identity.js'
import { signed } from './signed.js'
import { within } from './within.js'

/** WhatsApp's MessageAck → the outbox's states; 0 is “on its way”, which the outbox knows. */
const STATES = new Map([[-1, 'failed'], [1, 'sent'], [2, 'delivered'], [3, 'read'], [4, 'read']])
const RETRIES = 10
const SEND_PATIENCE_MS = 30_000

export class Acknowledgements {
  #settings
  #sends
  #log
  #stopped = new AbortController()

  /**
   * @param {import('./settings.js').Settings} settings
   * @param {import('./sends.js').Sends} sends
   * @param {import('pino').Logger} log
   */
  constructor (settings, sends, log) {
    this.#settings = settings
    this.#sends = sends
    this.#log = log
  }

  /** Give up what is still being told. */
  stop () {
    this.#stopped.abort()
  }

  /**
   * @param {any} message of whatsapp-web.js
   * @param {number} ack
   * @returns {Promise<void>} resolves when the backend knows, or will not be told
   */
  async report (message, ack) {
    const state = STATES.get(ack)
    const id = messageId(message.id)
    if (!state || !id) return
    // WhatsApp may tell of a message before its sender has heard its id. The backend may know it by its key only.
    await within(SEND_PATIENCE_MS, this.#sends.idle(), 'a send takes long').catch(() => {})
    const key = this.#sends.keyOf(id)
    const body = JSON.stringify({ state, message_id: id, ...(key && { channel_key: key }) })
    try {
      await pRetry(() => this.#post(id, body), { retries: RETRIES, minTimeout: 500, maxTimeout: 60_000, randomize: true, signal: this.#stopped.signal })
    } catch (error) {
      this.#log.warn({ message: id, reason: String(error) }, 'acknowledgement_lost')
    }
  }

  /**
   * @param {string} id
   * @param {string} body
   */
  async #post (id, body) {
    const response = await fetch(`${this.#settings.backendUrl}/outbox/acknowledgements`, {
      method: 'POST', body, headers: signed(this.#settings.webhookSecret, id, body), signal: AbortSignal.timeout(10_000)
    })
    await response.arrayBuffer()
    if (response.ok) return
    const error = new Error(`the backend answered ${response.status}`)
    throw response.status < 500 && !TEMPORARY.has(response.status) ? new AbortError(error) : error
  }
}
