/** The critical groups: those of the settings and, as the backend's people change them, those of its table. */

const REFRESH_MS = 30_000

export class CriticalGroups {
  #settings
  #log
  /** @type {string[]} */ #known = []
  /** @type {NodeJS.Timeout | undefined} */ #timer

  /**
   * @param {import('./settings.js').Settings} settings
   * @param {import('pino').Logger} log
   */
  constructor (settings, log) {
    this.#settings = settings
    this.#log = log
  }

  /** @returns {string[]} ids and names */
  list () {
    return [...this.#settings.criticalGroups, ...this.#known]
  }

  /** Keep the list fresh until stopped. */
  async start () {
    await this.refresh()
    this.#timer = setInterval(() => this.refresh(), REFRESH_MS)
    this.#timer.unref()
  }

  stop () {
    clearInterval(this.#timer)
  }

  async refresh () {
    try {
      const response = await fetch(`${this.#settings.backendUrl}/connector/settings`, {
        headers: { authorization: `Bearer ${this.#settings.webhookSecret}` },
        signal: AbortSignal.timeout(5000)
      })
      if (!response.ok) throw new Error(`the backend answered ${response.status}`)
      const { critical_groups: groups } = /** @type {any} */ (await response.json())
      this.#known = groups
    } catch (error) {
      // The last list stands while the backend is away.
      this.#log.debug({ reason: String(error) }, 'critical_groups_not_refreshed')
    }
  }
}
