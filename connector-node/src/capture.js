/** From a message as whatsapp-web.js gives it to the body of the backend's webhook. */
import { isGroup, isLid, messageId, phoneOf, widText } from './identity.js'

const LONGEST_NAME = 255
const LONGEST_TEXT = 100_000
/** Bytes, well below the backend's default of a mebibyte. */
const LARGEST_PAYLOAD = 800_000
/** The type that a message gets here whose text WhatsApp could not decrypt. */
export const UNREADABLE = 'unreadable'
const MEDIA_KINDS = new Set(['image', 'video', 'audio', 'ptt', 'document', 'sticker', 'album'])

/**
 * @typedef {object} Payload
 * @property {string} message_id
 * @property {string} chat_time
 * @property {string} chat_name
 * @property {string | null} phone_number
 * @property {string} current_message
 * @property {object[]} history
 * @property {string} [sender_id]
 * @property {string | null} [sender_name]
 * @property {string | null} [lid]
 * @property {string} [chat_id]
 * @property {boolean} [is_group]
 * @property {string} [message_type]
 * @property {object | null} [media]
 * @property {object | null} [quoted]
 * @property {boolean} [from_me]
 * @property {boolean} [forwarded]
 */

/**
 * @typedef {object} Surroundings what the page was asked about a message; every part may be missing
 * @property {{ name?: string } | undefined} chat
 * @property {{ name?: string, pushname?: string } | undefined} contact
 * @property {{ lid?: string, pn?: string } | undefined} ids
 * @property {import('whatsapp-web.js').Message[]} history in any order
 * @property {(id: string) => number | undefined} [arrival] the place of a message among those that arrived while we ran
 */

/**
 * @param {import('whatsapp-web.js').Message} message
 * @param {Surroundings} around
 * @param {{ historyLimit: number }} settings
 * @returns {Payload}
 */
export function payloadOf (message, around, { historyLimit }) {
  const data = /** @type {any} */ (message).rawData ?? {}
  const id = messageId(/** @type {any} */ (message.id))
  const chatId = chatOf(message)
  const sender = senderOf(message)
  const name = around.contact?.name || around.contact?.pushname || data.notifyName || null
  const phone = phoneOf(sender) ?? phoneOf(around.ids?.pn)
  return withinBytes({
    message_id: id,
    chat_time: moment(message.timestamp) ?? new Date().toISOString(),
    chat_name: cut(around.chat?.name || name || phone || sender, LONGEST_NAME),
    phone_number: phone,
    current_message: cut(textOf(message), LONGEST_TEXT),
    history: historyOf(message, around, historyLimit),
    sender_id: sender,
    sender_name: name && cut(name, LONGEST_NAME),
    lid: isLid(sender) ? sender : around.ids?.lid ?? null,
    chat_id: chatId,
    is_group: isGroup(chatId),
    message_type: message.type,
    media: mediaOf(message),
    quoted: quotedOf(data),
    ...(message.isForwarded && { forwarded: true }),
    ...(message.fromMe ? ownMessage(message, around) : {})
  })
}

/**
 * What we wrote on the phone belongs to the chat's other side.
 * @param {import('whatsapp-web.js').Message} message
 * @param {Surroundings} around
 */
function ownMessage (message, around) {
  const partner = chatOf(message)
  return { from_me: true, sender_id: partner, sender_name: null, phone_number: phoneOf(partner) ?? phoneOf(around.ids?.pn), lid: isLid(partner) ? partner : null }
}

/**
 * The backend takes bodies up to a size: of an endless chat the oldest lines are left out.
 * @param {Payload} payload
 * @returns {Payload}
 */
function withinBytes (payload) {
  const history = [...payload.history]
  let size = Buffer.byteLength(JSON.stringify(payload))
  while (size > LARGEST_PAYLOAD && history.length) size -= Buffer.byteLength(JSON.stringify(history.shift()))
  return { ...payload, history }
}

/**
 * The chat's id: `from` can be undefined, the id's `remote` is always there.
 * @param {import('whatsapp-web.js').Message} message
 * @returns {string}
 */
export function chatOf (message) {
  return widText(/** @type {any} */ (message.id).remote) ?? (message.fromMe ? message.to : message.from)
}

/**
 * Who wrote it: the author in a group, the chat itself otherwise.
 * @param {import('whatsapp-web.js').Message} message
 * @returns {string}
 */
export function senderOf (message) {
  if (message.fromMe) return message.from ?? 'me'
  const key = /** @type {any} */ (message.id)
  const chat = chatOf(message)
  return isGroup(chat) || chat === 'status@broadcast' ? message.author ?? widText(key.participant) ?? chat : message.from ?? chat
}

/**
 * What a message says, in text: of what is no text, its parts between brackets.
 * @param {import('whatsapp-web.js').Message} message
 * @returns {string}
 */
export function textOf (message) {
  const data = /** @type {any} */ (message).rawData ?? {}
  switch (String(message.type)) {
    case 'vcard':
    case 'multi_vcard':
      return noted('contact', message.vCards.map((card) => /^FN:(.*)$/m.exec(card ?? '')?.[1]?.trim()).filter(Boolean).join(', '))
    case 'location': {
      const { latitude, longitude, name, address } = /** @type {any} */ (message.location ?? {})
      return noted('location', [name, address, latitude === undefined ? '' : `${latitude},${longitude}`].filter(Boolean).join(', '))
    }
    case 'poll_creation':
      return noted('poll', [data.pollName, ...(data.pollOptions ?? []).map((/** @type {any} */ option) => `– ${option.name}`)].join('\n'))
    case 'buttons_response':
    case 'template_button_reply':
      return data.selectedDisplayText || data.body || message.body || ''
    case 'list_response':
      return [data.listResponse?.title, data.listResponse?.description].filter(Boolean).join('\n') || message.body || ''
    case 'groups_v4_invite':
      return noted('group invitation', data.inviteGrpName)
    case 'order':
      return noted('order', [data.orderTitle ?? data.itemCount, message.body].filter(Boolean).join(': '))
    case 'product':
      return noted('product', [data.title, data.description].filter(Boolean).join(': '))
    case 'payment':
      return noted('payment', data.paymentNoteMsg?.body)
    case 'scheduled_event_creation':
    case 'event_creation':
      return noted('event', [data.eventName, data.eventDescription].filter(Boolean).join(': '))
    case UNREADABLE:
      return '[message that could not be read here: it is on the phone]'
    default:
      return message.body || (isViewOnce(message) ? '[to be seen once: it is on the phone]' : '')
  }
}

/**
 * @param {string} what
 * @param {string | undefined} details
 */
function noted (what, details) {
  return `[${what}${details ? `: ${details}` : ''}]`
}

/** @param {import('whatsapp-web.js').Message} message */
function isViewOnce (message) {
  const data = /** @type {any} */ (message).rawData ?? {}
  return Boolean(data.isViewOnce || data.viewOnce || String(data.subtype ?? '').includes('view_once'))
}

/** @param {import('whatsapp-web.js').Message} message */
export function mediaOf (message) {
  if (!message.hasMedia && !MEDIA_KINDS.has(message.type)) return null
  const data = /** @type {any} */ (message).rawData ?? {}
  const duration = Number(data.duration ?? message.duration)
  const size = Number(data.size)
  return {
    kind: message.type === 'ptt' ? 'voice' : message.type,
    mimetype: data.mimetype ? cut(data.mimetype, LONGEST_NAME) : null,
    filename: data.filename ? cut(data.filename, LONGEST_NAME) : null,
    size: Number.isSafeInteger(size) && size >= 0 ? size : null,
    duration_s: Number.isFinite(duration) && duration >= 0 ? duration : null,
    // A linked device does not get what may be seen once.
    status: isViewOnce(message) ? 'view_once' : message.hasMedia ? 'pending' : 'unavailable'
  }
}

/** @param {any} data */
function quotedOf (data) {
  if (!data.quotedMsg) return null
  const { body, caption, type } = data.quotedMsg
  return {
    message_id: data.quotedStanzaID ?? null,
    sender: widText(data.quotedParticipant) ?? null,
    content: cut(caption || (type === 'chat' || !type ? body : '') || `[${type}]`, LONGEST_TEXT)
  }
}

/**
 * What was said before this message, oldest first.
 * @param {import('whatsapp-web.js').Message} message
 * @param {Surroundings} around
 * @param {number} limit
 */
function historyOf (message, around, limit) {
  if (limit <= 0) return []
  const own = messageId(/** @type {any} */ (message.id))
  const ids = around.history.map((item) => messageId(/** @type {any} */ (item.id)))
  const arrival = around.arrival ?? (() => undefined)
  const seen = new Set([own])
  const earlier = around.history.filter((item, index) => {
    // WhatsApp counts in seconds, and the library turns the order within one around: there the arrival decides.
    const isLater = item.timestamp > message.timestamp ||
      (item.timestamp === message.timestamp && !(Number(arrival(ids[index])) < Number(arrival(own))))
    if (seen.has(ids[index]) || isLater) return false
    seen.add(ids[index])
    return true
  })
  earlier.sort((one, other) => one.timestamp - other.timestamp)
  return earlier.slice(-limit).map((item) => {
    const data = /** @type {any} */ (item).rawData ?? {}
    const sender = senderOf(item)
    const direct = !isGroup(chatOf(item)) && (around.contact?.name || around.contact?.pushname)
    const attached = mediaOf(item)
    return {
      sender: cut(item.fromMe ? 'me' : direct || data.notifyName || sender, LONGEST_NAME),
      content: cut(textOf(item) || (attached ? `[${attached.kind}]` : ''), LONGEST_TEXT),
      timestamp: moment(item.timestamp),
      type: item.type ?? 'chat',
      from_me: Boolean(item.fromMe)
    }
  })
}

/** @param {number | undefined} seconds since 1970, as WhatsApp counts */
function moment (seconds) {
  return Number.isFinite(seconds) && /** @type {number} */ (seconds) > 0 ? new Date(/** @type {number} */ (seconds) * 1000).toISOString() : null
}

/**
 * At most so many characters, never half of a surrogate pair.
 * @param {string} text
 * @param {number} limit
 */
function cut (text, limit) {
  const whole = String(text)
  if (whole.length <= limit) return whole
  const end = /[\uD800-\uDBFF]/.test(whole[limit - 1]) ? limit - 1 : limit
  return whole.slice(0, end)
}

/**
 * Whether there is something to decide on: a message that is not decrypted yet says nothing.
 * @param {import('whatsapp-web.js').Message} message
 */
export function isDecided (message) {
  return String(message.type) !== 'ciphertext'
}

/** @param {import('whatsapp-web.js').Message} message */
export function isReadable (message) {
  return isDecided(message) && String(message.type) !== UNREADABLE
}
