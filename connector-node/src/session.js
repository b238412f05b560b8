/** One linked WhatsApp account: starts the browser, tells what state it is in, and begins anew when it broke. */
import { EventEmitter } from 'node:events'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import wwebjs from 'whatsapp-web.js'
import { clearStaleLock, launchOptions } from './browser.js'
import { within } from './within.js'

const { Client, LocalAuth } = wwebjs
const PROBE_MS = 5000
const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 60_000
const FAILED_PROBES = 4

/** @typedef {'starting' | 'qr' | 'authenticated' | 'ready' | 'disconnected' | 'auth_failure'} State */

/** Emits `message` (a whatsapp-web.js Message), `ack` (a message of ours and its MessageAck) and `state`. */
export class Session extends EventEmitter {
  /** @type {State} */ state = 'starting'
  /** @type {string | null} */ qr = null
  /** @type {string | null} */ me = null
  /** @type {string | null} */ reason = null
  since = new Date()
  /** @type {import('whatsapp-web.js').Client | null} */ client = null

  #settings
  #log
  #stopped = false
  #failures = 0
  #failedProbes = 0
  /** @type {NodeJS.Timeout | undefined} */ #probe
  /** @type {NodeJS.Timeout | undefined} */ #restart

  /**
   * @param {import('./settings.js').Settings} settings
   * @param {import('pino').Logger} log
   */
  constructor (settings, log) {
    super()
    this.#settings = settings
    this.#log = log
  }

  /** Begin; what fails is tried again, more and more slowly. */
  async start () {
    if (this.#stopped) return
    const dataPath = path.join(this.#settings.varDir, 'whatsapp')
    const profile = path.join(dataPath, 'session')
    this.#enter('starting')
    /** @type {import('whatsapp-web.js').Client} */
    let client
    try {
      clearStaleLock(profile)
      client = new Client({
        authStrategy: new LocalAuth({ dataPath }),
        // The default would write a cache of WhatsApp's page into the working directory.
        webVersionCache: { type: 'none' },
        puppeteer: launchOptions(this.#settings)
      })
    } catch (error) {
      this.#fail(null, error)
      return
    }
    this.client = client
    this.#listen(client, profile)
    this.#failedProbes = 0
    this.#probe = setInterval(() => this.#look(client), PROBE_MS)
    try {
      await within(this.#settings.startTimeoutMs, client.initialize(), 'the browser did not start in time')
    } catch (error) {
      this.#fail(client, error)
    }
  }

  /** End for good; the session stays linked. */
  async stop () {
    this.#stopped = true
    clearTimeout(this.#restart)
    await this.#close(this.client)
  }

  /**
   * @param {import('whatsapp-web.js').Client} client
   * @param {string} profile
   */
  #listen (client, profile) {
    const current = () => this.client === client && !this.#stopped
    client.on('qr', (qr) => {
      // Right after a scan the library sends a code made of nothing.
      if (!current() || /^(null|undefined)?,/.test(qr)) return
      this.qr = qr
      this.#enter('qr')
    })
    client.on('authenticated', () => { if (current() && this.state !== 'ready') this.#enter('authenticated') })
    client.on('ready', () => {
      if (!current()) return
      this.#failures = 0
      this.me = client.info?.wid?.user ? `+${client.info.wid.user}` : client.info?.pushname ?? null
      // It repeats after a reload or a reconnect.
      if (this.state !== 'ready') this.#enter('ready')
    })
    client.on('message', (message) => { if (current()) this.emit('message', message) })
    client.on('message_create', (message) => { if (current() && message.fromMe) this.emit('message', message) })
    client.on('message_ack', (message, ack) => { if (current() && message.fromMe) this.emit('ack', message, ack) })
    client.on('auth_failure', (reason) => { if (current()) this.#fail(client, new Error(String(reason)), 'auth_failure') })
    client.on('disconnected', (reason) => {
      if (!current()) return
      if (String(reason) === 'LOGOUT') this.#unlinked(client, profile)
      else this.#fail(client, new Error(`WhatsApp Web: ${reason}`))
    })
  }

  /**
   * Look after a client that may be stuck or gone without a word.
   * @param {import('whatsapp-web.js').Client} client
   */
  async #look (client) {
    if (this.client !== client || this.#stopped) return
    const page = client.pupPage
    if (!page || !client.pupBrowser) return
    if (!client.pupBrowser.connected) return this.#fail(client, new Error('the browser has ended'))
    this.#attach(client)
    try {
      const seen = await within(this.#settings.callTimeoutMs, page.evaluate(inspect), 'the page does not answer')
      this.#failedProbes = 0
      if (this.client !== client || this.state === 'ready') return
      if (seen.synced && seen.nudgeable) {
        // The page was in sync before the library listened; it never hears of it by itself.
        this.#log.info('nudging_ready')
        await within(this.#settings.callTimeoutMs, page.evaluate('window.onAppStateHasSyncedEvent()'), 'the page does not answer')
      } else if (seen.state === 'UNPAIRED_IDLE') {
        await page.evaluate(refreshCode)
      } else if (this.state !== 'qr' && Date.now() - this.since.getTime() > this.#settings.startTimeoutMs) {
        this.#fail(client, new Error('WhatsApp Web did not become ready'))
      }
    } catch (error) {
      this.#failedProbes += 1
      this.#log.warn({ reason: String(error), failed: this.#failedProbes }, 'page_probe_failed')
      if (this.#failedProbes >= FAILED_PROBES) this.#fail(client, error)
    }
  }

  /** @param {any} client */
  #attach (client) {
    if (client.frontdeskAttached === client.pupPage) return
    client.frontdeskAttached = client.pupPage
    client.pupPage.on('error', (/** @type {Error} */ error) => this.#fail(client, error))
    client.pupPage.on('pageerror', (/** @type {Error} */ error) => this.#log.warn({ reason: String(error.message ?? error).slice(0, 300) }, 'page_error'))
    client.pupBrowser.on('disconnected', () => this.#fail(client, new Error('the browser has ended')))
  }

  /**
   * The phone has unlinked us: the profile is worthless, and a fresh one shows a new code.
   * @param {import('whatsapp-web.js').Client} client
   * @param {string} profile
   */
  async #unlinked (client, profile) {
    this.client = null
    this.me = null
    this.#enter('disconnected', 'unlinked on the phone')
    await this.#close(client)
    await rm(profile, { recursive: true, force: true, maxRetries: 10 }).catch((error) => this.#log.warn({ reason: String(error) }, 'profile_not_removed'))
    this.#again(FIRST_PAUSE_MS)
  }

  /**
   * @param {import('whatsapp-web.js').Client | null} client
   * @param {unknown} error
   * @param {State} [state]
   */
  #fail (client, error, state = 'disconnected') {
    if (this.#stopped || (client && this.client !== client)) return
    this.client = null
    this.#failures += 1
    this.#enter(state, inWords(error))
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** (this.#failures - 1), LONGEST_PAUSE_MS)
    this.#close(client).finally(() => this.#again(pause))
  }

  /** @param {number} pauseMs */
  #again (pauseMs) {
    if (this.#stopped) return
    clearTimeout(this.#restart)
    this.#restart = setTimeout(() => { this.start() }, pauseMs)
  }

  /** @param {import('whatsapp-web.js').Client | null} client */
  async #close (client) {
    clearInterval(this.#probe)
    if (!client) return
    try {
      await within(10_000, client.destroy(), 'the browser did not close')
    } catch (error) {
      this.#log.warn({ reason: String(error) }, 'browser_killed')
      client.pupBrowser?.process()?.kill('SIGKILL')
    }
  }

  /**
   * @param {State} state
   * @param {string | null} [reason]
   */
  #enter (state, reason = null) {
    const changed = this.state !== state
    this.state = state
    if (changed) this.since = new Date()
    this.reason = reason
    if (state !== 'qr') this.qr = null
    this.#log.info({ state, reason }, 'session_state')
    this.emit('state', state)
  }
}

/**
 * A failure as the people at the desk can read it.
 * @param {unknown} error
 */
function inWords (error) {
  const text = error instanceof Error ? error.message : String(error)
  return /net::ERR_(NAME|INTERNET|ADDRESS|NETWORK|CONNECTION|TIMED|PROXY)/.test(text) ? 'web.whatsapp.com cannot be reached: is this machine online?' : text
}

/** Runs in the page. */
function inspect () {
  const page = /** @type {any} */ (window)
  if (!page.require || !page.Debug?.VERSION) return { state: null, synced: false, nudgeable: false }
  const { state, hasSynced } = page.require('WAWebSocketModel').Socket
  return { state, synced: Boolean(hasSynced), nudgeable: typeof page.onAppStateHasSyncedEvent === 'function' }
}

/** Runs in the page: the library's own renewal of the code is broken. */
function refreshCode () {
  /** @type {any} */ (window).require('WAWebLaunchSocketUtils').refreshQR()
}
