/**
 * How far each chat is captured: what is newer, or lies shortly before and is not known, was missed. Written a moment later, so after a crash it may lag behind, never
 * run ahead: what is then fetched twice, the backend knows already.
 */
import { mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { writeDurably } from './durable.js'

const PAUSE_MS = 1000
/** Chats that were silent for so long need no place of their own: WhatsApp is not asked so far back. */
const KEPT_MS = 400 * 24 * 3600 * 1000

/**
 * How far behind the newest a message may be that was never told of: its event was lost in the library, it was decrypted
 * late, or two clocks differ.
 */
const MARGIN_S = 600

/** @typedef {{ t: number, ids: [string, number][] }} Cursor the newest captured moment, in seconds, and what was captured shortly before it */

export class Cursors {
  #file
  #log
  /** @type {Map<string, Cursor>} */ #chats = new Map()
  /** @type {number | null} */ #since = null
  /** @type {string | null} */ #owner = null
  /** @type {NodeJS.Timeout | undefined} */ #timer
  /** @type {Promise<void>} */ #writing = Promise.resolve()

  /**
   * @param {string} file
   * @param {import('pino').Logger} log
   */
  constructor (file, log) {
    this.#file = file
    this.#log = log
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
    try {
      const { owner, since, chats } = JSON.parse(readFileSync(file, 'utf8'))
      this.#owner = owner
      this.#since = since
      this.#chats = new Map(Object.entries(chats))
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOENT') log.error({ reason: error }, 'cursors_unreadable')
    }
  }

  /**
   * Begin for an account: what came before the first link is history.
   * @param {string} owner
   * @param {number} since seconds since 1970, for an account that is new here
   * @returns {Promise<void>} resolves when that is on disk: a later run must not take what is missed till then for history
   */
  async begin (owner, since) {
    if (this.#owner === owner && this.#since !== null) return
    this.#owner = owner
    this.#since = since
    this.#chats.clear()
    await this.flush()
  }

  /**
   * From when on a chat is to be looked through.
   * @param {string} chat
   * @returns {number} seconds since 1970
   */
  since (chat) {
    const since = this.#since ?? Date.now() / 1000
    return Math.max(since, (this.#chats.get(chat)?.t ?? 0) - MARGIN_S)
  }

  /**
   * @param {string} chat
   * @returns {number} the newest captured moment, in seconds since 1970
   */
  newest (chat) {
    return this.#chats.get(chat)?.t ?? this.#since ?? 0
  }

  /**
   * Whether a message lies within what is captured.
   * @param {string} chat
   * @param {string} id
   * @param {number} t
   */
  has (chat, id, t) {
    const cursor = this.#chats.get(chat)
    return Boolean(cursor && (t < cursor.t - MARGIN_S || cursor.ids.some(([known]) => known === id)))
  }

  /**
   * This message is on disk, or not wanted.
   * @param {string} chat
   * @param {string} id
   * @param {number} t
   */
  advance (chat, id, t) {
    if (this.has(chat, id, t)) return
    const cursor = this.#chats.get(chat) ?? { t: 0, ids: [] }
    const newest = Math.max(cursor.t, t)
    const ids = /** @type {[string, number][]} */ ([...cursor.ids, [id, t]].filter(([, at]) => Number(at) >= newest - MARGIN_S))
    this.#chats.set(chat, { t: newest, ids })
    this.#later()
  }

  /** Write now what is not written yet. */
  async flush () {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const oldest = (Date.now() - KEPT_MS) / 1000
    for (const [chat, { t }] of this.#chats) if (t < oldest) this.#chats.delete(chat)
    const text = JSON.stringify({ owner: this.#owner, since: this.#since, chats: Object.fromEntries(this.#chats) })
    this.#writing = this.#writing.then(() => writeDurably(this.#file, text)).catch((error) => {
      this.#log.error({ reason: error }, 'cursors_not_written')
    })
    await this.#writing
  }

  #later () {
    this.#timer ??= setTimeout(() => this.flush(), PAUSE_MS)
  }
}
