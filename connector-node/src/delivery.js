/** Delivers the spool to the backend: one entry at a time per chat, in order, for as long as it takes. */
import { EventEmitter, once } from 'node:events'
import PQueue from 'p-queue'
import pRetry from 'p-retry'
import { AwayError, post, RefusedError } from './backend.js'
import { traced } from './tracing.js'

const AT_ONCE = 8
/** The queue of what the session tells of itself. */
export const STATUS = 'status'
/** Where each kind of entry is posted, and what names its request. */
const PLACES = {
  message: { path: '/webhook', headers: { prefer: 'respond-async' } },
  change: { path: '/webhook/changes', headers: {} },
  acknowledgement: { path: '/outbox/acknowledgements', headers: {} },
  status: { path: '/connector/status', headers: {} }
}

/**
 * @typedef {object} Options
 * @property {import('./spool.js').Spool} spool
 * @property {import('./backend.js').Backend} backend
 * @property {import('./metrics.js').Metrics} metrics
 * @property {import('pino').Logger} log
 * @property {number} [minTimeoutMs] first pause before a repeat
 * @property {number} [maxTimeoutMs] longest pause
 */

/** @typedef {import('./spool.js').Entry} Entry */
/** @typedef {Pick<Entry, 'kind' | 'chat' | 'held' | 'group'> & { name: string, id: string }} Left an entry of an earlier run; `id` is that of the message that it is about */

export class Delivery {
  #options
  #queue = new PQueue({ concurrency: AT_ONCE })
  /** @type {Map<string, string[]>} chat → names of its waiting entries, in order */
  #waiting = new Map()
  #events = new EventEmitter()
  #stopped = new AbortController()

  /** @param {Options} options */
  constructor (options) {
    this.#options = { minTimeoutMs: 500, maxTimeoutMs: 30_000, ...options }
  }

  /** @returns {number} how many entries wait to be posted, the session's own news apart */
  get waiting () {
    return [...this.#waiting].reduce((sum, [chat, names]) => sum + (chat === STATUS ? 0 : names.length), 0)
  }

  /** @returns {Promise<Left[]>} what was left behind, oldest first; what cannot be read is put aside */
  async leftBehind () {
    const { spool, log } = this.#options
    const entries = []
    for (const name of spool.names()) {
      try {
        // Without what was written: days of it may lie here.
        const { kind, chat, held, group, body } = await spool.read(name)
        entries.push({ name, kind, chat, held, group, id: String(body.message_id) })
      } catch (error) {
        log.error({ name, reason: error }, 'spool_file_unreadable')
        await spool.refuse(name, 'the file cannot be read').catch((reason) => log.error({ name, reason }, 'spool_file_stuck'))
      }
    }
    return entries
  }

  /**
   * Keep an entry on disk before anything else is done with it. A disk that does not take it is tried again.
   * @param {Entry} entry
   * @returns {Promise<string>} the name to deliver or drop it by
   */
  async keep (entry) {
    return pRetry(() => this.#options.spool.add(entry), {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: this.#options.minTimeoutMs,
      maxTimeout: this.#options.maxTimeoutMs,
      signal: this.#stopped.signal,
      onFailedAttempt: ({ error }) => this.#options.log.error({ message: entry.body.message_id, reason: error }, 'disk_refuses')
    })
  }

  /**
   * @param {string} name
   * @returns {Promise<Entry>}
   */
  read (name) {
    return this.#options.spool.read(name)
  }

  /**
   * Write down what was learned about a kept entry since.
   * @param {string} name
   * @param {Entry} entry
   */
  async complete (name, entry) {
    try {
      await this.#options.spool.replace(name, entry)
    } catch (error) {
      // What was kept first stands: the text without its surroundings.
      this.#options.log.error({ message: entry.body.message_id, reason: error }, 'disk_refuses')
    }
  }

  /**
   * Put an entry that was held back behind those that were missed before it, also for a later run.
   * @param {string} name
   * @param {Entry} entry
   * @returns {Promise<string>} its new name; a crash in between leaves both
   */
  async release (name, entry) {
    const { held: _, ...free } = entry
    const later = await this.keep(free)
    await this.#options.spool.remove(name)
    return later
  }

  /**
   * Deliver a kept entry as soon as its chat's turn comes.
   * @param {string} name
   * @param {string} chat
   */
  deliver (name, chat) {
    const names = this.#waiting.get(chat)
    if (names) {
      names.push(name)
      return
    }
    this.#waiting.set(chat, [name])
    this.#enqueue(chat, 0)
  }

  /**
   * Keep and deliver.
   * @param {Entry} entry
   * @returns {Promise<void>} resolves when it is on disk
   */
  async add (entry) {
    this.deliver(await this.keep(entry), entry.chat)
  }

  /**
   * A kept entry turned out not to be wanted.
   * @param {string} name
   */
  async drop (name) {
    await this.#options.spool.remove(name)
  }

  /** @returns {Promise<void>} resolves when nothing waits */
  async idle () {
    if (this.#waiting.size) await once(this.#events, 'idle')
  }

  /** Deliver nothing more; what waits stays on disk. */
  stop () {
    this.#stopped.abort()
    this.#queue.clear()
  }

  /**
   * @param {string} chat
   * @param {number} failures of its first entry, so far
   */
  #enqueue (chat, failures) {
    this.#queue.add(() => this.#drain(chat, failures)).catch((error) => {
      if (!this.#stopped.signal.aborted) this.#options.log.error({ reason: error }, 'delivery_failed')
    })
  }

  /**
   * @param {string} chat
   * @param {number} failures
   */
  async #drain (chat, failures) {
    const { spool, log } = this.#options
    const names = this.#waiting.get(chat) ?? []
    while (names.length && !this.#stopped.signal.aborted) {
      try {
        await this.#deliverOne(names[0])
        failures = 0
      } catch (error) {
        if (this.#stopped.signal.aborted) return
        if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOENT' && !(error instanceof SyntaxError)) {
          log.warn({ failures: failures + 1, reason: error }, error instanceof AwayError ? 'backend_away' : 'delivery_failed')
          // The entry stays first in its chat, and others get the place meanwhile.
          setTimeout(() => { if (!this.#stopped.signal.aborted) this.#enqueue(chat, failures + 1) }, this.#pause(error, failures)).unref()
          return
        }
        // Removed or damaged by hand: nothing that waiting could bring back.
        log.error({ name: names[0], reason: error }, 'spool_file_lost')
        await spool.refuse(names[0], 'the file cannot be read').catch(() => {})
      }
      names.shift()
    }
    this.#waiting.delete(chat)
    if (!this.#waiting.size) this.#events.emit('idle')
  }

  /**
   * @param {unknown} error
   * @param {number} failures
   * @returns {number} milliseconds
   */
  #pause (error, failures) {
    const { minTimeoutMs, maxTimeoutMs } = this.#options
    const grown = Math.min(Number(maxTimeoutMs), Number(minTimeoutMs) * 2 ** Math.min(failures, 20)) * (0.75 + Math.random() / 2)
    return Math.max(grown, error instanceof AwayError ? error.retryAfterMs ?? 0 : 0)
  }

  /** @param {string} name */
  async #deliverOne (name) {
    const { spool, backend, log, metrics } = this.#options
    const { kind, body } = await spool.read(name)
    const started = performance.now()
    try {
      const place = PLACES[kind]
      if (!place) throw new RefusedError(`nothing is known of a ${kind}`)
      const id = body.message_id ?? `${kind}-${body.at}`
      await traced(`deliver ${kind}`, (headers) => post(backend, place.path, id, body, { ...place.headers, ...headers }))
      await spool.remove(name)
      metrics.delivered(kind, (performance.now() - started) / 1000)
      log.info({ message: body.message_id }, `${kind}_delivered`)
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error
      log.error({ message: body.message_id, reason: error }, `${kind}_refused`)
      metrics.refused(kind)
      await spool.refuse(name, error.message)
    }
  }
}
