/**
 * What runs in the page of WhatsApp Web: the only file that knows its modules. Each function is sent to the browser as text,
 * so that it can use nothing but its arguments and the page.
 */

/** @typedef {{ id: string, t: number, unread: number, last: any }} ChatNews the last message's key */
/** @typedef {{ state: string | null, synced: boolean, nudgeable: boolean, heard: boolean }} Sight */

/** @returns {Sight} `heard`: this very page has said that it is ready; one that was loaded anew has not */
export function inspect () {
  const page = /** @type {any} */ (window)
  if (!page.require || !page.Debug?.VERSION) return { state: null, synced: false, nudgeable: false, heard: false }
  const { state, hasSynced } = page.require('WAWebSocketModel').Socket
  return { state, synced: Boolean(hasSynced), nudgeable: typeof page.onAppStateHasSyncedEvent === 'function' && !page.WWebJS, heard: Boolean(page.frontdeskHeard) }
}

/** Note in the page that the library listens to it. */
export function mark () {
  /** @type {any} */ (window).frontdeskHeard = true
}

/** Tell the library what it missed: the page was in sync before it listened. */
export function nudge () {
  /** @type {any} */ (window).onAppStateHasSyncedEvent()
}

/** The library's own renewal of the code is broken. */
export function refreshCode () {
  /** @type {any} */ (window).require('WAWebLaunchSocketUtils').refreshQR()
}

/**
 * Chats in which something happened, or that hold something unread.
 * @param {number} since seconds since 1970
 * @returns {ChatNews[]} the newest first
 */
export function newsSince (since) {
  const chats = /** @type {any} */ (window).require('WAWebCollections').Chat.getModelsArray()
  const plain = (/** @type {any} */ wid) => wid?._serialized ?? (wid?.user ? `${wid.user}@${wid.server}` : wid)
  return chats.map((/** @type {any} */ chat) => {
    const newest = chat.msgs?.getModelsArray?.().at(-1)
    const { fromMe, remote, id, participant, _serialized, $1 } = newest?.id ?? {}
    return {
      id: plain(chat.id),
      t: Math.max(chat.t ?? 0, newest?.t ?? 0),
      unread: chat.unreadCount ?? 0,
      last: id === undefined ? null : { fromMe, remote: plain(remote), id, participant: plain(participant), _serialized, $1 }
    }
  })
    .filter((/** @type {ChatNews} */ { id, t }) => typeof id === 'string' && t >= since)
    .sort((/** @type {ChatNews} */ one, /** @type {ChatNews} */ other) => other.t - one.t)
}

/**
 * A chat's messages from a moment on, with some before it.
 * @param {string} chatId
 * @param {number} since seconds since 1970
 * @param {number} limit most messages from then on; the newest stay
 * @param {number} context messages before it
 * @returns {Promise<{ earlier: any[], messages: any[], left: number }>} oldest first, in WhatsApp's order; what is left out
 */
export async function messagesSince (chatId, since, limit, context) {
  const page = /** @type {any} */ (window)
  const chat = await page.WWebJS.getChat(chatId, { getAsModel: false })
  if (!chat) return { earlier: [], messages: [], left: 0 }
  const isMessage = (/** @type {any} */ message) => !message.isNotification
  let found = chat.msgs.getModelsArray().filter(isMessage)
  const older = () => found.filter((/** @type {any} */ message) => message.t < since).length
  while (older() < Math.max(context, 1) && found.length < limit + context) {
    const loaded = await page.require('WAWebChatLoadMessages').loadEarlierMsgs({ chat })
    if (!loaded?.length) break
    const known = new Set(found)
    found = [...loaded.filter((/** @type {any} */ message) => isMessage(message) && !known.has(message)), ...found]
  }
  // Stable: within a second the page's order stands.
  found.sort((/** @type {any} */ one, /** @type {any} */ other) => one.t - other.t)
  const from = found.findIndex((/** @type {any} */ message) => message.t >= since)
  const start = from < 0 ? found.length : Math.max(from, found.length - limit)
  const model = (/** @type {any} */ message) => page.WWebJS.getMessageModel(message)
  return {
    earlier: found.slice(Math.max(0, start - context), start).map(model),
    messages: found.slice(start).map(model),
    left: from < 0 ? 0 : start - from
  }
}

/**
 * What became of messages that were sent.
 * @param {string[]} ids
 * @returns {Promise<[string, number][]>} id and MessageAck, of those that the page knows
 */
export async function acknowledgementsOf (ids) {
  const { Msg } = /** @type {any} */ (window).require('WAWebCollections')
  /** @type {[string, number][]} */
  const found = []
  for (const id of ids) {
    const message = Msg.get(id) ?? (await Msg.getMessagesById([id]).catch(() => null))?.messages?.[0]
    if (message) found.push([id, message.ack])
  }
  return found
}

/**
 * Show the chat's partner that somebody is writing, or has stopped.
 * @param {string} chatId
 * @param {boolean} isTyping
 */
export async function showTyping (chatId, isTyping) {
  await /** @type {any} */ (window).WWebJS.sendChatstate(isTyping ? 'typing' : 'stop', chatId)
}

/**
 * How large an attachment is, and whether WhatsApp still has it.
 * @param {string} id
 * @returns {Promise<{ size: number, stage: string | null } | null>} null where the message is gone
 */
export async function mediaOf (id) {
  const { Msg } = /** @type {any} */ (window).require('WAWebCollections')
  const message = Msg.get(id) ?? (await Msg.getMessagesById([id]).catch(() => null))?.messages?.[0]
  return message ? { size: Number(message.size) || 0, stage: message.mediaData?.mediaStage ?? null } : null
}
