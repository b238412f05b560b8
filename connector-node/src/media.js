/**
 * Fetches attachments and hands them to the backend, behind the text: each is a job on disk until the backend has the file,
 * or is told that there is none.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, openAsBlob, readdirSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import PQueue from 'p-queue'
import pRetry from 'p-retry'
import { AwayError, RefusedError, send } from './backend.js'
import { removeUnfinished, writeDurably } from './durable.js'
import { mediaOf } from './page.js'
import { within } from './within.js'

const SUFFIX = '.json'
const AT_ONCE = 2
const BACKEND_PAUSE_MS = 2000
const LONGEST_PAUSE_MS = 300_000
const UPLOAD_TIMEOUT_MS = 120_000
const DISK_PATIENCE_MS = 2000
/** So long nobody had room for it. */
const GIVEN_UP_MS = 7 * 24 * 3600 * 1000

/** @typedef {{ message_id: string, chat: string, at: number, kind: string, mimetype: string | null, filename: string | null, size: number | null }} Job */
/** @typedef {'stored' | 'unavailable' | 'too_large' | 'refused'} Outcome */

export class Media {
  #directory
  #settings
  #session
  #tell
  #backend
  #metrics
  #log
  #queue = new PQueue({ concurrency: AT_ONCE })
  #jobs = new Set()
  #fullUntil = 0
  #stopped = new AbortController()

  /**
   * @param {import('./settings.js').Settings} settings
   * @param {object} parts
   * @param {Pick<import('./session.js').Session, 'state' | 'client' | 'on' | 'once' | 'off'>} parts.session
   * @param {(chat: string, change: import('./changes.js').Change) => Promise<void>} parts.tell that there is no file
   * @param {import('./backend.js').Backend} parts.backend
   * @param {import('./metrics.js').Metrics} parts.metrics
   * @param {import('pino').Logger} parts.log
   */
  constructor (settings, { session, tell, backend, metrics, log }) {
    this.#directory = path.join(settings.dataDir, 'media')
    this.#settings = settings
    this.#session = session
    this.#tell = tell
    this.#backend = backend
    this.#metrics = metrics
    this.#log = log
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 })
    removeUnfinished(this.#directory)
  }

  /** @returns {number} how many attachments are not handed over yet */
  get waiting () {
    return this.#jobs.size
  }

  /**
   * Look after a message's attachment, if it has one.
   * @param {import('./capture.js').Payload} payload
   * @returns {Promise<void>} resolves when the job is on disk; a disk that does not take it does not hold up the text
   */
  attach = async (/** @type {import('./capture.js').Payload} */ payload) => {
    const media = /** @type {any} */ (payload.media)
    if (media?.status !== 'pending') return
    const name = createHash('sha256').update(payload.message_id).digest('hex')
    if (this.#jobs.has(name)) return
    const { kind, mimetype, filename, size } = media
    const chat = payload.chat_id ?? payload.sender_id ?? ''
    this.#jobs.add(name)
    const text = JSON.stringify({ message_id: payload.message_id, chat, at: Date.now(), kind, mimetype, filename, size })
    const written = pRetry(() => writeDurably(this.#file(name), text), {
      retries: Number.POSITIVE_INFINITY,
      maxTimeout: LONGEST_PAUSE_MS,
      signal: this.#stopped.signal,
      onFailedAttempt: ({ error }) => this.#log.error({ message: payload.message_id, reason: error }, 'disk_refuses')
    }).then(() => this.#begin(name), () => {})
    await within(DISK_PATIENCE_MS, written, 'the disk refuses').catch(() => {})
  }

  /** Take up what an earlier run did not finish. */
  resume () {
    for (const file of readdirSync(this.#directory)) {
      if (file.endsWith(SUFFIX)) this.#begin(file.slice(0, -SUFFIX.length))
    }
  }

  /** Fetch nothing more; what waits stays on disk. */
  stop () {
    this.#stopped.abort()
    this.#queue.clear()
  }

  /**
   * @param {string} name
   * @param {number} [attempt]
   */
  #begin (name, attempt = 0) {
    this.#jobs.add(name)
    this.#queue.add(() => this.#do(name, attempt)).catch((error) => {
      if (!this.#stopped.signal.aborted) this.#log.error({ reason: error }, 'media_failed')
    })
  }

  /**
   * One attempt; what has to be tried again comes back behind the others, after a pause.
   * @param {string} name
   * @param {number} attempt
   */
  async #do (name, attempt) {
    /** @type {Job} */
    let job
    try {
      job = JSON.parse(await readFile(this.#file(name), 'utf8'))
    } catch (error) {
      this.#log.error({ reason: error }, 'media_job_unreadable')
      return this.#end(name)
    }
    const later = (/** @type {number} */ pause, next = attempt + 1) => {
      setTimeout(() => { if (!this.#stopped.signal.aborted) this.#begin(name, next) }, pause).unref()
    }
    /** @type {Outcome} */
    let outcome
    try {
      const fetched = await this.#fetched(name, job)
      if (fetched === 'away') return later(this.#settings.probeMs, attempt)
      if (fetched === 'not now') {
        const pause = this.#settings.mediaPausesMs[attempt]
        if (pause !== undefined) return later(pause)
        outcome = 'unavailable'
      } else {
        outcome = fetched
      }
      if (outcome === 'stored') await this.#hand(name, job)
    } catch (error) {
      if (this.#stopped.signal.aborted) return
      this.#log.warn({ message: job.message_id, reason: error }, 'media_not_handed_over')
      if (error instanceof AwayError && error.status === 507) {
        // Its disk is short: ours must not fill up in its place. WhatsApp has the file still.
        this.#fullUntil = Date.now() + LONGEST_PAUSE_MS
        await rm(path.join(this.#directory, `${name}.bin`), { force: true })
      }
      if (!(error instanceof RefusedError)) {
        return later(Math.min(BACKEND_PAUSE_MS * 2 ** Math.min(attempt, 8), LONGEST_PAUSE_MS) * (0.75 + Math.random() / 2))
      }
      outcome = error.status === 413 ? 'too_large' : 'refused'
    }
    if (outcome !== 'stored') {
      await this.#tell(job.chat, { message_id: job.message_id, change: 'media', at: new Date().toISOString(), text: outcome === 'refused' ? 'unavailable' : outcome })
    }
    this.#metrics.media(outcome)
    this.#log.info({ message: job.message_id, outcome }, 'media_done')
    await this.#end(name)
  }

  /**
   * Bring the file to this disk.
   * @param {string} name
   * @param {Job} job
   * @returns {Promise<Outcome | 'away' | 'not now'>}
   */
  async #fetched (name, job) {
    const { maxMediaBytes, mediaTimeoutMs, callTimeoutMs } = this.#settings
    if ((job.size ?? 0) > maxMediaBytes) return 'too_large'
    if (readdirSync(this.#directory).includes(`${name}.bin`)) return 'stored'
    if (Date.now() - job.at > GIVEN_UP_MS) return 'unavailable'
    const client = /** @type {any} */ (this.#session.client)
    if (Date.now() < this.#fullUntil) return 'away'
    if (this.#session.state !== 'WORKING' || !client) return 'away'
    try {
      const known = await within(callTimeoutMs, client.pupPage.evaluate(mediaOf, job.message_id), 'no answer about an attachment')
      if (known && known.size > maxMediaBytes) return 'too_large'
      const message = known && await within(callTimeoutMs, client.getMessageById(job.message_id), 'no answer about a message')
      if (!message) return 'not now'
      // The library asks the page by this part of the id, which may be missing.
      message.id._serialized = job.message_id
      const media = await within(mediaTimeoutMs, message.downloadMedia(), 'the attachment took too long')
      if (!media?.data) return 'not now'
      const bytes = Buffer.from(media.data, 'base64')
      if (bytes.length > maxMediaBytes) return 'too_large'
      await writeDurably(path.join(this.#directory, `${name}.bin`), bytes)
      return 'stored'
    } catch (error) {
      this.#log.warn({ message: job.message_id, reason: error }, 'media_not_fetched')
      return this.#session.state === 'WORKING' ? 'not now' : 'away'
    }
  }

  /**
   * @param {string} name
   * @param {Job} job
   */
  async #hand (name, job) {
    const file = await openAsBlob(path.join(this.#directory, `${name}.bin`))
    await send(this.#backend, `/media/${encodeURIComponent(job.message_id)}`, {
      method: 'PUT',
      body: file,
      signal: AbortSignal.any([AbortSignal.timeout(UPLOAD_TIMEOUT_MS), this.#stopped.signal]),
      headers: {
        authorization: `Bearer ${this.#backend.secret}`,
        'content-type': 'application/octet-stream',
        ...(job.filename && { 'x-filename': encodeURIComponent(/** @type {any} */ (job.filename).toWellFormed()) })
      }
    })
  }

  /** @param {string} name */
  async #end (name) {
    // The file first: a job without its file is fetched again, a file without its job would stay.
    await rm(path.join(this.#directory, `${name}.bin`), { force: true })
    await rm(this.#file(name), { force: true })
    this.#jobs.delete(name)
  }

  /** @param {string} name */
  #file (name) {
    return path.join(this.#directory, `${name}${SUFFIX}`)
  }
}
