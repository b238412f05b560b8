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
