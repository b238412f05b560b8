/** An answer of the API that is no success. */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {string} code
   * @param {string} detail
   * @param {Record<string, string>} [headers]
   */
  constructor (status, code, detail, headers = {}) {
    super(detail)
    this.status = status
    this.code = code
    this.headers = headers
    /** The text certainly did not leave: the same key may be tried again. */
    this.notSent = true
  }
}

/**
 * A failure as the people at the desk can read it.
 * @param {unknown} error
 */
export function inWords (error) {
  const text = error instanceof Error ? error.message : String(error)
  return /net::ERR_(NAME|INTERNET|ADDRESS|NETWORK|CONNECTION|TIMED|PROXY)/.test(text) ? 'web.whatsapp.com cannot be reached: is this machine online?' : text
}
