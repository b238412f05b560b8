/** Which messages are captured. */
import { isGroup, widText } from './identity.js'

/** WhatsApp's own notices, which nobody wrote. */
const NOTICES = new Set([
  'e2e_notification', 'notification', 'notification_template', 'group_notification', 'broadcast_notification', 'gp2',
  'protocol', 'call_log', 'ciphertext', 'debug', 'unknown', 'reaction', 'pinned_message', 'keep_in_chat', 'revoked'
])

/**
 * Why a message is not captured, or null where it is.
 * @param {import('whatsapp-web.js').Message} message
 * @param {import('./settings.js').Settings} settings
 * @returns {string | null}
 */
export function whyIgnored (message, settings) {
  const chat = widText(/** @type {any} */ (message.id).remote)
  if (message.isStatus || chat === 'status@broadcast') return settings.captureStatus ? null : 'status'
  if (chat?.endsWith('@newsletter')) return settings.captureNewsletters ? null : 'newsletter'
  if (chat?.endsWith('@broadcast')) return 'broadcast'
  if (NOTICES.has(message.type)) return 'notice'
  if (isGroup(chat) && settings.groups === 'none') return 'group'
  return null
}

/**
 * Whether somebody on the ignore list wrote.
 * @param {{ phone_number: string | null, lid?: string | null }} sender
 * @param {string[]} ignored digits
 */
export function isIgnoredNumber ({ phone_number: phone, lid }, ignored) {
  return ignored.some((digits) => digits && (phone === `+${digits}` || lid === `${digits}@lid`))
}

/**
 * Whether a group, by id or by name without regard to case, is one of the critical ones.
 * @param {{ id: string, name: string }} group
 * @param {Iterable<string>} critical
 */
export function isCritical (group, critical) {
  const name = folded(group.name)
  for (const entry of critical) {
    if (entry === group.id || folded(entry) === name) return true
  }
  return false
}

/** @param {string} text */
function folded (text) {
  // As the backend folds names, where the two languages differ.
  return text.normalize('NFKC').toLowerCase().replaceAll('ß', 'ss').replaceAll('ς', 'σ').split(/\s+/).filter(Boolean).join(' ')
}
