/** What was missed: on every `ready`, and now and then, each chat with news is looked through. */
import { messageId, widText } from './identity.js'
import { messageOf } from './messages.js'
import { messagesSince, newsSince } from './page.js'
import { within } from './within.js'

const AT_ONCE = 4
const ATTEMPTS = 3
const PAUSE_MS = 2000
const RECENT_S = 600

/**
 * @typedef {object} Progress
 * @property {boolean} running
 * @property {number} chats with news, in this or the last run
 * @property {number} done of them
 * @property {number} messages that were missed
 * @property {number} left out by the limits
 * @property {string | null} finished_at
 */

/**
 * @typedef {object} Missed
 * @property {import('whatsapp-web.js').Message[]} earlier what was said before, oldest first
 * @property {import('whatsapp-web.js').Message[]} messages not captured yet, oldest first
 */

export class Backfill {
  /** @type {Progress} */
  progress = { running: false, chats: 0, done: 0, messages: 0, left: 0, finished_at: null }

  #settings
  #cursors
  #log
  #run = 0
  #linkedAt = Date.now()

  /**
   * @param {import('./settings.js').Settings} settings
   * @param {import('./cursors.js').Cursors} cursors
   * @param {import('pino').Logger} log
   */
  constructor (settings, cursors, log) {
    this.#settings = settings
    this.#cursors = cursors
    this.#log = log
  }

  /**
   * Look through all chats with news; a later run takes over from an earlier one.
   * @param {any} client a whatsapp-web.js Client
   * @param {(chat: string) => Promise<boolean>} catchUp looks through one chat; whether it worked
   * @param {string[]} [more] chats to look through in any case
   * @returns {Promise<boolean | null>} whether nothing is missed now; null where a later run took over
   */
  async run (client, catchUp, more = []) {
    const run = ++this.#run
    const oldest = this.#oldest()
    const progress = { running: true, chats: 0, done: 0, messages: 0, left: 0, finished_at: null }
    this.progress = progress
    const news = await this.#patiently(() => within(this.#settings.callTimeoutMs, client.pupPage.evaluate(newsSince, oldest), 'no list of chats'))
    const withNews = news.filter((/** @type {import('./page.js').ChatNews} */ chat) => this.#hasNews(chat)).map((/** @type {import('./page.js').ChatNews} */ chat) => chat.id)
    const found = [...new Set([...more, ...withNews])]
    const queue = found.slice(0, this.#settings.backfillChats)
    progress.chats = queue.length
    progress.left = found.length - queue.length
    let isWhole = progress.left === 0
    const work = async () => {
      for (let chat = queue.shift(); chat && run === this.#run; chat = queue.shift()) {
        if (!await catchUp(chat)) isWhole = false
        progress.done += 1
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    if (run !== this.#run) return null
    this.progress = { ...progress, running: false, finished_at: new Date().toISOString() }
    if (progress.chats) this.#log.info({ chats: progress.chats, messages: progress.messages, left: progress.left }, 'caught_up')
    return isWhole
  }

  /**
   * An account is linked: what came before the first time is history, unless that is wanted.
   * @param {any} client
   */
  async begin (client) {
    const owner = widText(client.info?.wid)
    if (owner) await this.#cursors.begin(owner, this.#settings.backfillOnFirstLink ? this.#oldest() : Math.floor(this.#linkedAt / 1000))
  }

  /** The code was scanned; WhatsApp may be syncing for a while. */
  scanned () {
    this.#linkedAt = Date.now()
  }

  /** The session broke: what runs comes to nothing. */
  cancel () {
    this.#run += 1
    this.progress = { ...this.progress, running: false }
  }

  /**
   * What was missed in a chat.
   * @param {any} client
   * @param {string} chat
   * @returns {Promise<Missed>}
   */
  async missed (client, chat) {
    const { backfillMessages, historyLimit, callTimeoutMs } = this.#settings
    const since = Math.max(this.#cursors.since(chat), this.#oldest())
    const found = await this.#patiently(() => within(
      callTimeoutMs, client.pupPage.evaluate(messagesSince, chat, since, backfillMessages, historyLimit), 'no answer about a chat'
    ))
    const messages = (/** @type {any[]} */ models) => models.map((model) => messageOf(client, model))
    const missed = messages(found.messages).filter((message) => !this.#cursors.has(chat, messageId(message.id), message.timestamp))
    const isNew = new Set(missed)
    this.progress.left += found.left
    this.progress.messages += missed.length
    return { earlier: [...messages(found.earlier), ...messages(found.messages).filter((message) => !isNew.has(message))], messages: missed }
  }

  #oldest () {
    return Math.floor(Date.now() / 1000 - this.#settings.backfillHours * 3600)
  }

  /** @param {import('./page.js').ChatNews} chat */
  #hasNews ({ id, t, unread, last }) {
    // The page may know when something happened in a chat before it has loaded what; it counts in seconds.
    const isLater = t > this.#cursors.newest(id) || (t === this.#cursors.newest(id) && Date.now() / 1000 - t < RECENT_S)
    return last ? isLater || !this.#cursors.has(id, messageId(last), t) : isLater || unread > 0 || t >= this.#cursors.since(id)
  }

  /**
   * @template T
   * @param {() => Promise<T>} question
   * @returns {Promise<T>}
   */
  async #patiently (question) {
    for (let attempt = 1; ; attempt++) {
      try {
        return await question()
      } catch (error) {
        if (attempt >= ATTEMPTS) throw error
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS).unref())
      }
    }
  }
}
