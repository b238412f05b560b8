/** The log: JSON in production, readable in a terminal; never text, names or phone numbers. */
import pino from 'pino'

const LONGEST_REASON = 300

/**
 * @param {{ logLevel: string, account: string }} settings
 * @returns {import('pino').Logger}
 */
export function createLog ({ logLevel, account }) {
  return pino({
    level: logLevel,
    base: { account },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { message: shownId, reason: toldReason },
    ...(process.stdout.isTTY && { transport: { target: 'pino-pretty', options: { ignore: 'account', translateTime: 'SYS:HH:MM:ss' } } })
  })
}

/**
 * The part of a message's id that names nobody: the others are the chat and the author, which may be phone numbers.
 * @param {string} id
 */
export function shownId (id) {
  const [, , own] = String(id).split('_')
  return own ?? '?'
}

/**
 * A reason without what may be a number or an id of somebody.
 * @param {unknown} reason
 */
export function toldReason (reason) {
  if (reason === null || reason === undefined) return undefined
  const text = reason instanceof Error ? `${reason.name}: ${reason.message}` : String(reason)
  return text.slice(0, LONGEST_REASON).replace(/\+?\d[\d -]{5,}\d(@[\w.]+)?/g, '#')
}
