/** What happens to a message after it was written: edited, deleted, reacted to, voted on. */
import { chatOf, mediaOf, textOf } from './capture.js'
import { messageId, phoneOf, widText } from './identity.js'

const LONGEST_TEXT = 100_000

/**
 * @typedef {object} Change
 * @property {string} message_id of the message that it happened to
 * @property {'edited' | 'deleted' | 'reaction' | 'poll_vote' | 'decrypted' | 'media'} change
 * @property {string} at
 * @property {string} [text] the new text, the reaction (empty where it was taken back), or the chosen options
 * @property {string | null} [sender_id]
 * @property {string | null} [phone_number] of who did it
 * @property {boolean} [from_me]
 * @property {string} [message_type] of a message that was decrypted late
 * @property {object | null} [media]
 */

/**
 * @param {any} message of whatsapp-web.js, in its new form
 * @param {string} text
 * @param {string | undefined} before
 * @returns {[string, Change] | null} chat and change; null where nobody edited
 */
export function edited (message, text, before) {
  // What had no text before was decrypted or loaded; with an attachment, another text may be its small picture.
  if (!before || !text || text === before || (message.hasMedia && text !== message.body)) return null
  return [chatOf(message), { message_id: messageId(message.id), change: 'edited', at: now(message.rawData?.latestEditSenderTimestampMs), text: text.slice(0, LONGEST_TEXT), from_me: Boolean(message.fromMe) }]
}

/**
 * @param {any} message that could not be read before
 * @returns {Change}
 */
export function decrypted (message) {
  return { message_id: messageId(message.id), change: 'decrypted', at: now(), text: textOf(message).slice(0, LONGEST_TEXT), message_type: message.type, media: mediaOf(message), sender_id: null }
}

/**
 * @param {any} message what is left of it
 * @returns {[string, Change]}
 */
export function deleted (message) {
  // Where the notice has an id of its own, it names the message that it deletes.
  const key = message.rawData?.protocolMessageKey ?? message.id
  return [chatOf(message), { message_id: messageId(key), change: 'deleted', at: now(), from_me: Boolean(message.fromMe) }]
}

/**
 * @param {any} reaction
 * @returns {[string, Change] | null}
 */
export function reacted (reaction) {
  const key = reaction.msgId
  const chat = widText(key?.remote)
  if (!chat) return null
  const sender = widText(reaction.senderId) ?? null
  return [chat, { message_id: messageId(key), change: 'reaction', at: now(reaction.timestamp * 1000), text: reaction.reaction ?? '', sender_id: sender, phone_number: phoneOf(sender), from_me: Boolean(reaction.id?.fromMe) }]
}

/**
 * @param {any} vote
 * @returns {[string, Change] | null}
 */
export function voted (vote) {
  const key = vote.parentMsgKey ?? vote.parentMessage?.id
  const chat = widText(key?.remote)
  if (!chat) return null
  const sender = widText(vote.voter) ?? null
  const options = (vote.selectedOptions ?? []).map((/** @type {any} */ option) => option?.name).filter(Boolean)
  return [chat, { message_id: messageId(key), change: 'poll_vote', at: now(vote.interractedAtTs), text: options.join(', '), sender_id: sender, phone_number: phoneOf(sender) }]
}

/** @param {number} [milliseconds] since 1970, where WhatsApp says when */
function now (milliseconds) {
  const known = Number(milliseconds)
  return new Date(known > 1e12 ? known : Date.now()).toISOString()
}
