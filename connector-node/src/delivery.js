/** Delivers the spool to the backend: signed, one message at a time per chat, for as long as it takes. */
import { randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import PQueue from 'p-queue'
import pRetry, { AbortError } from 'p-retry'
import { signed } from './signed.js'

/** Refusals that can end: the rest of the 4xx are for good. */
export const TEMPORARY = new Set([401, 403, 404, 408, 409, 425, 429])
const AT_ONCE = 8

export class RefusedError extends Error {}

/**
 * @typedef {object} Options
 * @property {import('./spool.js').Spool} spool
 * @property {string} url of the backend
 * @property {string} secret
 * @property {import('pino').Logger} log
 * @property {number} [minTimeoutMs] first pause before a repeat
 * @property {number} [maxTimeoutMs] longest pause
 * @property {number} [requestTimeoutMs]
 */

export class Delivery {
  #options
  #queue = new PQueue({ concurrency: AT_ONCE })
  /** @type {Map<string, string[]>} chat → names of its waiting messages, in order */
  #waiting = new Map()
  #stopped = new AbortController()

  /** @param {Options} options */
  constructor (options) {
    this.#options = { minTimeoutMs: 500, maxTimeoutMs: 30_000, requestTimeoutMs: 30_000, ...options }
  }

  /** @returns {number} how many messages wait */
  get waiting () {
    return [...this.#waiting.values()].reduce((sum, names) => sum + names.length, 0)
  }

  /** @returns {Promise<import('./spool.js').Entry[]>} what was left behind, oldest first; what cannot be read is put aside */
  async leftBehind () {
    const { spool, log } = this.#options
    const entries = []
    for (const name of spool.names()) {
      try {
        entries.push({ ...await spool.read(name), name })
      } catch (error) {
        log.error({ name, reason: String(error) }, 'spool_file_unreadable')
        await spool.refuse(name, 'the file cannot be read').catch((reason) => log.error({ name, reason: String(reason) }, 'spool_file_stuck'))
      }
    }
    return entries
  }

  /**
   * Keep a message on disk before anything else is done with it. A disk that does not take it is tried again.
   * @param {string} chat
   * @param {import('./capture.js').Payload} payload
   * @returns {Promise<string>} the name to deliver or drop it by
   */
  async keep (chat, payload) {
    return pRetry(() => this.#options.spool.add({ chat, payload }), {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: this.#options.minTimeoutMs,
      maxTimeout: this.#options.maxTimeoutMs,
      signal: this.#stopped.signal,
      onFailedAttempt: ({ error }) => this.#options.log.error({ message: payload.message_id, reason: error.message }, 'disk_refuses')
    })
  }

  /**
   * Write down what was learned about a kept message since.
   * @param {string} name
   * @param {string} chat
   * @param {import('./capture.js').Payload} payload
   */
  async complete (name, chat, payload) {
    try {
      await this.#options.spool.replace(name, { chat, payload })
    } catch (error) {
      // What was kept first stands: the text without its surroundings.
      this.#options.log.error({ message: payload.message_id, reason: String(error) }, 'disk_refuses')
    }
  }

  /**
   * Deliver a kept message as soon as its chat's turn comes.
   * @param {string} name
   * @param {string} chat
   */
  deliver (name, chat) {
    this.#enqueue(chat, name)
  }

  /**
   * A kept message turned out not to be wanted.
   * @param {string} name
   */
  async drop (name) {
    await this.#options.spool.remove(name)
  }

  /** @returns {Promise<void>} resolves when nothing waits */
  async idle () {
    await this.#queue.onIdle()
  }

  /** Deliver nothing more; what waits stays on disk. */
  stop () {
    this.#stopped.abort()
    this.#queue.clear()
  }

  /**
   * @param {string} chat
   * @param {string} name
   */
  #enqueue (chat, name) {
    const names = this.#waiting.get(chat)
    if (names) {
      names.push(name)
      return
    }
    this.#waiting.set(chat, [name])
    this.#queue.add(() => this.#drain(chat)).catch((error) => {
      if (!this.#stopped.signal.aborted) this.#options.log.error({ reason: String(error) }, 'delivery_failed')
    })
  }

  /** @param {string} chat */
  async #drain (chat) {
    const names = this.#waiting.get(chat) ?? []
    while (names.length && !this.#stopped.signal.aborted) {
      try {
        await this.#deliverOne(names[0])
        names.shift()
      } catch (error) {
        if (this.#stopped.signal.aborted) return
        if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT' || error instanceof SyntaxError) {
          // Removed or damaged by hand: nothing that waiting could bring back.
          this.#options.log.error({ name: names[0], reason: String(error) }, 'spool_file_lost')
          await this.#options.spool.refuse(names[0], 'the file cannot be read').catch(() => {})
          names.shift()
          continue
        }
        // The disk, not the backend: the message stays first, and its chat is not given up.
        this.#options.log.error({ name: names[0], reason: String(error) }, 'delivery_failed')
        await setTimeout(this.#options.maxTimeoutMs, undefined, { signal: this.#stopped.signal, ref: false }).catch(() => {})
      }
    }
    this.#waiting.delete(chat)
  }

  /** @param {string} name */
  async #deliverOne (name) {
    const { spool, log } = this.#options
    const { payload } = await spool.read(name)
    try {
      await pRetry(() => post(payload, this.#options), {
        retries: Number.POSITIVE_INFINITY,
        minTimeout: this.#options.minTimeoutMs,
        maxTimeout: this.#options.maxTimeoutMs,
        randomize: true,
        signal: this.#stopped.signal,
        onFailedAttempt: ({ error, attemptNumber }) => {
          if (!(error instanceof RefusedError)) log.warn({ attempt: attemptNumber, reason: error.message }, 'backend_away')
        }
      })
      await spool.remove(name)
      log.info({ message: payload.message_id }, 'message_delivered')
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error
      log.error({ message: payload.message_id, reason: error.message }, 'message_refused')
      await spool.refuse(name, error.message)
    }
  }
}

/** @returns {string} a W3C traceparent: the trace of a message begins here */
function newTrace () {
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`
}

/**
 * Post one message; the backend has committed it when this resolves.
 * @param {import('./capture.js').Payload} payload
 * @param {{ url: string, secret: string, requestTimeoutMs?: number }} options
 * @param {string} [prefer] an RFC 7240 preference
 * @returns {Promise<any>} the backend's answer
 */
export async function post (payload, { url, secret, requestTimeoutMs = 30_000 }, prefer = 'respond-async') {
  // Lone surrogates cannot be sent as UTF-8, and the signature must be over what is sent.
  const body = Buffer.from(JSON.stringify(payload)).toString()
  const response = await fetch(`${url}/webhook`, {
    method: 'POST',
    body,
    signal: AbortSignal.timeout(requestTimeoutMs),
    headers: { prefer, traceparent: newTrace(), ...signed(secret, payload.message_id, body) }
  }).catch((error) => { throw new Error(`the backend cannot be reached (${error.cause?.code ?? error.name})`) })
  const text = await response.text()
  if (response.ok) return JSON.parse(text)
  const reason = `the backend answered ${response.status}: ${text.slice(0, 500)}`
  if (response.status >= 400 && response.status < 500 && !TEMPORARY.has(response.status)) {
    throw new AbortError(new RefusedError(reason))
  }
  throw new Error(reason)
}
