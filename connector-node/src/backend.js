/** What is posted to the backend: signed, and told apart into what can end well later and what never will. */
import { signed } from './signed.js'

/** Refusals that can end: the rest of the 4xx are for good. */
const TEMPORARY = new Set([401, 403, 404, 408, 409, 425, 429])
const LONGEST_WAIT_MS = 60_000

/** The backend will never take this. */
export class RefusedError extends Error {
  /**
   * @param {string} message
   * @param {number} [status]
   */
  constructor (message, status) {
    super(message)
    this.status = status
  }
}

/** The backend did not take this now; it may say when to come back. */
export class AwayError extends Error {
  /**
   * @param {string} message
   * @param {number} [retryAfterMs]
   * @param {number} [status]
   */
  constructor (message, retryAfterMs, status) {
    super(message)
    this.retryAfterMs = retryAfterMs
    this.status = status
  }
}

/**
 * @typedef {object} Backend
 * @property {string} url
 * @property {string} secret
 * @property {number} [requestTimeoutMs]
 */

/**
 * Post one document; the backend has committed it when this resolves.
 * @param {Backend} backend
 * @param {string} path
 * @param {string} id names the request
 * @param {object} document
 * @param {Record<string, string>} [headers]
 * @returns {Promise<any>} the backend's answer
 */
export async function post (backend, path, id, document, headers = {}) {
  // Lone surrogates cannot be sent as UTF-8, and the signature must be over what is sent.
  const body = Buffer.from(JSON.stringify(document)).toString()
  return send(backend, path, { method: 'POST', body, headers: { ...headers, ...signed(backend.secret, id, body) } })
}

/**
 * @param {Backend} backend
 * @param {string} path
 * @param {RequestInit & { duplex?: string }} options
 * @returns {Promise<any>} the backend's answer
 */
export async function send ({ url, requestTimeoutMs = 30_000 }, path, options) {
  /** @type {Response} */
  let response
  let text
  try {
    response = await fetch(url + path, { signal: AbortSignal.timeout(requestTimeoutMs), ...options })
    text = await response.text()
  } catch (error) {
    const cause = /** @type {any} */ (error)
    throw new AwayError(`the backend cannot be reached (${cause.cause?.code ?? cause.name})`)
  }
  const reason = `the backend answered ${response.status}: ${text.slice(0, 500)}`
  if (response.ok) {
    try {
      return text ? JSON.parse(text) : {}
    } catch {
      // Something that stands in between, and not the backend.
      throw new AwayError(reason)
    }
  }
  if (response.status >= 400 && response.status < 500 && !TEMPORARY.has(response.status)) {
    throw new RefusedError(reason, response.status)
  }
  const seconds = Number(response.headers.get('retry-after'))
  throw new AwayError(reason, seconds > 0 ? Math.min(seconds * 1000, LONGEST_WAIT_MS) : undefined, response.status)
}
