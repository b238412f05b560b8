/** From what WhatsApp tells to the spool: in order within a chat, each message once, whatever the page answers. */
import { chatOf, isDecided, isReadable, payloadOf, UNREADABLE } from './capture.js'
import { decrypted } from './changes.js'
import { isCritical, isIgnoredNumber, whyIgnored } from './filter.js'
import { isGroup, messageId, phoneOf } from './identity.js'
import { Surroundings } from './surroundings.js'

const REMEMBERED = 20_000
/** The library gives up sooner; what is not decrypted by then is told as it is. */
const UNDECRYPTED_S = 25
/** So long a message waits for its chat to be looked through while there is no connection, and not longer. */
const HELD_MS = 120_000
const ALONE = { chat: undefined, contact: undefined, ids: undefined, history: [] }

/**
 * @typedef {object} Options
 * @property {import('./settings.js').Settings} settings
 * @property {Pick<import('./delivery.js').Delivery, 'keep' | 'read' | 'complete' | 'release' | 'deliver' | 'drop'>} delivery
 * @property {import('./cursors.js').Cursors} cursors
 * @property {(client: any, chat: string) => Promise<import('./backfill.js').Missed>} missed what a chat holds that was not captured
 * @property {(message: import('whatsapp-web.js').Message) => Promise<boolean>} isOurs whether it is a message that was sent from here
 * @property {(payload: import('./capture.js').Payload) => Promise<void>} attach looks after its attachment, also when it was told before
 * @property {() => Promise<Iterable<string>>} criticalGroups resolves when they are known
 * @property {import('./metrics.js').Metrics} metrics
 * @property {import('pino').Logger} log
 */

/**
 * @typedef {object} Pending a message that is on its way to disk or not yet decided on
 * @property {import('whatsapp-web.js').Message} message
 * @property {Promise<string | null>} kept its name in the spool; null where it is not wanted
 * @property {boolean} held
 * @property {NodeJS.Timeout} [waits] the session broke while its chat was looked through: the next look takes it up
 */

/** @typedef {import('./spool.js').Entry} Entry */

export class Intake {
  #options
  #surroundings
  /** @type {Map<string, Promise<void>>} */ #chats = new Map()
  /** @type {Map<string, number>} */ #seen = new Map()
  /** @type {Map<string, Pending>} messages that wait for their chat's turn, by id */ #pending = new Map()
  /** @type {Map<string, Map<string, string>>} chat → id → name of what an earlier run left undecided, with what follows it */ #left = new Map()
  /** @type {Set<string> | null} chats without a gap; null where none has one */ #caughtUp = new Set()
  /** @type {Set<string>} chats that could not be looked through */ #failed = new Set()
  /** @type {Set<string>} messages that were told as unreadable */ #unreadable = new Set()
  #count = 0

  /** @param {Options} options */
  constructor (options) {
    this.#options = options
    this.#surroundings = new Surroundings(options.settings, options.log)
  }

  /** Something may be missed from now on: what arrives is held until its chat has been looked through. */
  open () {
    this.#caughtUp = new Set()
    this.#failed.clear()
  }

  /** Nothing is missed any more. */
  close () {
    this.#caughtUp = null
    this.release()
  }

  /** Let go what waits for its chat to be looked through, of this run and of an earlier one. */
  release () {
    for (const chat of this.undecided) this.#enqueue(chat, () => this.#releaseHeld(chat))
  }

  /** @returns {string[]} the chats in which something waits */
  get undecided () {
    const waiting = [...this.#pending.values()].filter(({ waits }) => waits).map(({ message }) => chatOf(message))
    return [...new Set([...this.#left.keys(), ...waiting])]
  }

  /**
   * Take a message in. The library fires more than once for some.
   * @param {import('whatsapp-web.js').Message} message
   * @param {import('whatsapp-web.js').Client | null} client
   * @returns {Promise<void>} resolves when it is on disk and decided on, or ignored
   */
  take (message, client) {
    const id = messageId(/** @type {any} */ (message.id))
    const chat = chatOf(message)
    if (this.#unreadable.has(id) && isReadable(message)) {
      // What was given up can be decrypted later: the text reaches the message that stands for it.
      this.#unreadable.delete(id)
      const change = decrypted(message)
      return this.change(chat, change, client).then(() => this.#options.attach(/** @type {any} */ ({ ...change, chat_id: chat })))
    }
    const hasGap = this.#hasGap(chat)
    if (!this.#begin(message, id, chat, hasGap)) return Promise.resolve()
    const connection = this.#caughtUp
    return this.#enqueue(chat, async () => {
      if (hasGap && !await this.#isLookedThrough(chat, client, connection)) return this.#wait(id, chat)
      // The look may have met it in its place.
      await this.#finish(id, (pending) => this.#around(pending.message, client))
    })
  }

  /**
   * Whether nothing that is missed can come before a message that was held; where nobody can tell, too.
   * @param {string} chat
   * @param {any} client
   * @param {Set<string> | null} connection the one that told of it
   */
  async #isLookedThrough (chat, client, connection) {
    if (connection === this.#caughtUp && this.#hasGap(chat) && !this.#failed.has(chat) && await this.#catchUp(chat, client)) return true
    return connection === this.#caughtUp || !this.#hasGap(chat)
  }

  /**
   * The session broke: what came before it is found with the next connection.
   * @param {string} id
   * @param {string} chat
   */
  #wait (id, chat) {
    const pending = this.#pending.get(id)
    if (!pending) return
    pending.waits = setTimeout(() => this.#enqueue(chat, () => this.#releaseHeld(chat)), HELD_MS).unref()
  }

  /**
   * Look through a chat for what was missed, unless that was done.
   * @param {string} chat
   * @param {any} client
   * @returns {Promise<boolean>} whether nothing is missed there now
   */
  async catchUp (chat, client) {
    let isWhole = true
    await this.#enqueue(chat, async () => { isWhole = this.#caughtUp?.has(chat) || await this.#catchUp(chat, client) })
    return isWhole
  }

  /**
   * Take in what happened to a message: in its chat's order.
   * @param {string} chat
   * @param {import('./changes.js').Change} body
   * @param {any} [client]
   * @returns {Promise<void>} resolves when it is on its way, or not wanted
   */
  change (chat, body, client = null) {
    const { delivery, settings, log } = this.#options
    const key = { fromMe: Boolean(body.from_me), remote: chat }
    if (whyIgnored(/** @type {any} */ ({ id: key, type: 'chat' }), settings) || (body.from_me && !settings.captureOwn)) return Promise.resolve()
    const entry = { kind: /** @type {const} */ ('change'), chat, body }
    const kept = delivery.keep(entry)
    return this.#enqueue(chat, async () => {
      const name = await kept
      const group = await this.#surroundings.groupName(client, chat)
      if (await this.#whyDropped({ ...entry, group })) return delivery.drop(name)
      delivery.deliver(name, chat)
      log.info({ message: body.message_id, change: body.change }, 'change_captured')
    })
  }

  /**
   * Take up what an earlier run left on disk, in its order.
   * @param {import('./delivery.js').Left[]} left
   */
  resume (left) {
    const { settings, delivery } = this.#options
    const free = new Set(left.filter(({ kind, held }) => kind === 'message' && !held).map(({ id }) => id))
    for (const { name, kind, chat, held, group, id } of left) {
      if (held && free.has(id)) {
        // Both are there when the last run ended between writing it in its new place and removing it from the old.
        this.#enqueue(chat, () => delivery.drop(name))
        continue
      }
      // Whether a group is a critical one, only the page may know: it is asked when it is there.
      const isUndecided = kind === 'message' && isGroup(chat) && settings.groups === 'critical' && group === undefined
      if (held || isUndecided || this.#left.has(chat)) {
        if (!this.#left.has(chat)) this.#left.set(chat, new Map())
        this.#left.get(chat)?.set(kind === 'message' ? id : name, name)
        continue
      }
      if (kind === 'message') this.#remember(id)
      this.#enqueue(chat, () => this.#letGo(name))
    }
    if (this.#left.size) setTimeout(() => this.release(), HELD_MS).unref()
  }

  /** @returns {boolean} whether something is being captured */
  get isBusy () {
    return this.#chats.size > 0
  }

  /** @returns {Promise<void>} resolves when nothing is being captured */
  async idle () {
    await Promise.allSettled(this.#chats.values())
  }

  /** @param {string} chat */
  #hasGap (chat) {
    return this.#caughtUp !== null && !this.#caughtUp.has(chat)
  }

  /** @param {string} id */
  #remember (id) {
    if (this.#seen.has(id)) return false
    this.#seen.set(id, this.#count++)
    if (this.#seen.size > REMEMBERED) this.#seen.delete(/** @type {string} */ (this.#seen.keys().next().value))
    return true
  }

  /**
   * On disk first, as it is: a crash while the page is asked about it loses only what the page would have said.
   * @param {import('whatsapp-web.js').Message} message
   * @param {string} id
   * @param {string} chat
   * @param {boolean} held
   * @returns {boolean} whether it is news, and wanted
   */
  #begin (message, id, chat, held) {
    const { settings, delivery, isOurs, cursors, log } = this.#options
    if (String(message.type) === 'ciphertext' && Date.now() / 1000 - message.timestamp > UNDECRYPTED_S) message.type = /** @type {any} */ (UNREADABLE)
    if (!isDecided(message) || !this.#remember(id)) return false
    const why = whyIgnored(message, settings)
    if (why) {
      log.debug({ message: id, why }, 'message_ignored')
      if (!held) cursors.advance(chat, id, message.timestamp)
      return false
    }
    /** @type {import('./capture.js').Payload} */
    let bare
    try {
      bare = payloadOf(message, ALONE, settings)
    } catch (error) {
      this.#seen.delete(id)
      log.error({ message: id, reason: error }, 'message_not_understood')
      return false
    }
    if (!isReadable(message)) this.#unreadable.add(id)
    const left = this.#left.get(chat)?.get(id)
    this.#left.get(chat)?.delete(id)
    const keep = async () => {
      if (!message.fromMe || !(await isOurs(message) || !settings.captureOwn)) {
        return left ?? delivery.keep({ kind: 'message', chat, body: bare, ...(held && { held }) })
      }
      if (left) await delivery.drop(left)
      return null
    }
    this.#pending.set(id, { message, kept: keep(), held: held || left !== undefined })
    return true
  }

  /**
   * Complete a message and let it go.
   * @param {string} id
   * @param {(pending: Pending) => Promise<import('./capture.js').Surroundings>} surroundings
   */
  async #finish (id, surroundings) {
    const { settings, delivery, cursors, attach, metrics, log } = this.#options
    const pending = this.#pending.get(id)
    if (!pending) return
    this.#pending.delete(id)
    clearTimeout(pending.waits)
    const { message, held } = pending
    const chat = chatOf(message)
    let name = await pending.kept
    if (name !== null) {
      /** @type {import('./capture.js').Surroundings} */
      let around = ALONE
      let body
      try {
        around = await surroundings(pending)
        body = payloadOf(message, around, settings)
      } catch (error) {
        log.error({ message: id, reason: error }, 'capture_incomplete')
        body = payloadOf(message, ALONE, settings)
      }
      // With the group's name on disk, a restart can decide without the page.
      const entry = { kind: /** @type {const} */ ('message'), chat, body, ...(isGroup(chat) && around.chat?.name !== undefined && { group: around.chat.name }) }
      if (held) name = await delivery.release(name, entry)
      else await delivery.complete(name, entry)
      if (await this.#whyDropped(entry)) {
        await delivery.drop(name)
      } else {
        await attach(body)
        delivery.deliver(name, chat)
        metrics.captured(held ? 'backfill' : 'event')
        log.info({ message: id, history: body.history.length, type: body.message_type }, 'message_captured')
      }
    }
    if (!this.#hasGap(chat)) cursors.advance(chat, id, message.timestamp)
  }

  /**
   * @param {string} chat
   * @param {any} client
   * @returns {Promise<boolean>} whether nothing is missed there now
   */
  async #catchUp (chat, client) {
    const { missed, cursors, log } = this.#options
    // What is seen now says nothing of a gap that opens meanwhile.
    const caughtUp = this.#caughtUp
    try {
      const { earlier, messages } = await missed(client, chat)
      /** @type {import('./capture.js').Surroundings | null} */
      let known = null
      for (const [index, message] of messages.entries()) {
        const id = messageId(/** @type {any} */ (message.id))
        this.#begin(message, id, chat, true)
        if (!this.#pending.has(id)) continue
        known ??= await this.#around(message, client, { history: false })
        const around = { ...known, history: [...earlier, ...messages.slice(0, index)] }
        await this.#finish(id, async (pending) => isGroup(chat) ? { ...around, ...await this.#surroundings.who(client, pending.message) } : around)
      }
      await this.#releaseHeld(chat)
      // What is not decrypted yet is looked for again.
      for (const message of messages.filter(isDecided)) cursors.advance(chat, messageId(/** @type {any} */ (message.id)), message.timestamp)
    } catch (error) {
      // What is missed stays unknown to the cursor: the next look finds it.
      log.warn({ reason: error }, 'not_caught_up')
      // Of a connection that is gone it says nothing about the next one.
      if (caughtUp === this.#caughtUp) this.#failed.add(chat)
      return false
    }
    if (caughtUp === this.#caughtUp) this.#failed.delete(chat)
    caughtUp?.add(chat)
    return true
  }

  /**
   * What an earlier run or connection held back and the page does not tell of any more.
   * @param {string} chat
   */
  async #releaseHeld (chat) {
    const waiting = [...this.#pending].filter(([, { message, waits }]) => waits && chatOf(message) === chat)
    const left = this.#left.get(chat)
    this.#left.delete(chat)
    for (const [id, name] of left ?? []) {
      if (id !== name && !this.#remember(id)) await this.#options.delivery.drop(name)
      else await this.#letGo(name)
    }
    for (const [id] of waiting) await this.#finish(id, async () => ALONE)
  }

  /**
   * Deliver what an earlier run left, unless it is not wanted.
   * @param {string} name
   */
  async #letGo (name) {
    const { delivery, attach } = this.#options
    const entry = await delivery.read(name)
    if (await this.#whyDropped(entry)) return delivery.drop(name)
    if (entry.kind === 'message') await attach(entry.body)
    delivery.deliver(name, entry.chat)
  }

  /**
   * @param {import('whatsapp-web.js').Message} message
   * @param {any} client
   * @param {{ history?: boolean }} [wanted]
   * @returns {Promise<import('./capture.js').Surroundings>}
   */
  async #around (message, client, wanted) {
    return { ...await this.#surroundings.of(client, message, wanted), arrival: (id) => this.#seen.get(id) }
  }

  /**
   * @param {string} chat
   * @param {() => Promise<void>} task
   * @returns {Promise<void>}
   */
  #enqueue (chat, task) {
    const turn = (this.#chats.get(chat) ?? Promise.resolve()).then(task).catch((error) => {
      this.#options.log.error({ reason: error }, 'capture_failed')
    })
    this.#chats.set(chat, turn)
    return turn.finally(() => { if (this.#chats.get(chat) === turn) this.#chats.delete(chat) })
  }

  /**
   * @param {Entry} entry
   * @returns {Promise<string | null>}
   */
  async #whyDropped ({ chat, body, group }) {
    const { settings } = this.#options
    const phone = body.phone_number ?? phoneOf(chat)
    if (isIgnoredNumber({ phone_number: phone, lid: body.lid }, settings.ignoreNumbers)) return 'number'
    // A group whose name the page did not tell is kept: it may be one that matters.
    if (isGroup(chat) && settings.groups === 'critical' && group !== undefined) {
      return isCritical({ id: chat, name: group }, await this.#options.criticalGroups()) ? null : 'group'
    }
    return null
  }
}
