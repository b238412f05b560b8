/** Ids as WhatsApp Web gives them: some parts may be missing, and some digits are no phone number. */

/**
 * @typedef {string | { _serialized?: string, user?: string, server?: string }} WidLike
 * @typedef {{ fromMe?: boolean, remote?: WidLike, id?: string, participant?: WidLike, _serialized?: string, $1?: string }} MessageKey
 */

/**
 * An id as text, from whatever shape it has.
 * @param {WidLike | null | undefined} wid
 * @returns {string | undefined}
 */
export function widText (wid) {
  if (!wid) return undefined
  if (typeof wid === 'string') return wid
  return wid._serialized ?? (wid.user && wid.server ? `${wid.user}@${wid.server}` : undefined)
}

/**
 * The canonical id of a message, the same whichever parts are there.
 *
 * Since July 2026 `_serialized` can be missing and sit in `$1`, or nowhere; the parts are always there.
 * @param {MessageKey} key
 * @returns {string}
 */
export function messageId (key) {
  if (key._serialized) return key._serialized
  if (key.$1) return key.$1
  const participant = widText(key.participant)
  return [String(Boolean(key.fromMe)), widText(key.remote), key.id, ...(participant ? [participant] : [])].join('_')
}

/**
 * A phone number in E.164 for an id that is one; digits of a LID are not.
 * @param {string | null | undefined} wid
 * @returns {string | null}
 */
export function phoneOf (wid) {
  const match = /^(\d{5,15})(?::\d+)?@(?:c\.us|s\.whatsapp\.net)$/.exec(wid ?? '')
  return match ? `+${match[1]}` : null
}

/** @param {string | undefined} wid */
export const isGroup = (wid) => Boolean(wid?.endsWith('@g.us'))
/** @param {string | undefined} wid */
export const isLid = (wid) => Boolean(wid?.endsWith('@lid'))
