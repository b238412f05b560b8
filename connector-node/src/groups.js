/** The critical groups: those of the settings and, as the backend's people change them, those of its table. */

const REFRESH_MS = 30_000
const RETRY_MS = 1000

export class CriticalGroups {
  #settings
  #log
  /** @type {string[]} */ #known = []
  /** @type {NodeJS.Timeout | undefined} */ #timer
  #delay = 0
  /** @type {() => void} */ #load = () => {}
  /** @type {Promise<void>} */ #loaded = new Promise((resolve) => { this.#load = resolve })

  /**
   * @param {import('./settings.js').Settings} settings
   * @param {import('pino').Logger} log
   */
  constructor (settings, log) {
    this.#settings = settings
    this.#log = log
  }

  /** @returns {Promise<string[]>} ids and names, as soon as the backend has told them once */
  async list () {
    await this.#loaded
    return [...this.#settings.criticalGroups, ...this.#known]
  }

  /** Keep the list fresh until stopped. */
  start () {
    this.#timer = setTimeout(async () => {
      const isKnown = await this.refresh()
      this.#delay = isKnown ? REFRESH_MS : RETRY_MS
      if (this.#timer) this.start()
    }, this.#delay)
    this.#timer.unref()
  }

  stop () {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** @returns {Promise<boolean>} whether the backend answered */
  async refresh () {
    try {
      const response = await fetch(`${this.#settings.backendUrl}/connector/settings`, {
        headers: { authorization: `Bearer ${this.#settings.webhookSecret}` },
        signal: AbortSignal.timeout(5000)
      })
      if (!response.ok) throw new Error(`the backend answered ${response.status}`)
      const { critical_groups: groups } = /** @type {any} */ (await response.json())
      this.#known = groups ?? []
      this.#load()
      return true
    } catch (error) {
      // The last list stands while the backend is away.
      this.#log.debug({ reason: String(error) }, 'critical_groups_not_refreshed')
      return false
    }
  }
}
