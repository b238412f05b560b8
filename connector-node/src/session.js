/**
 * One linked WhatsApp account: starts the browser, says what state it is in, and mends what breaks, gently first: nudge the
 * page, reload it, a new browser, a new process.
 */
import { EventEmitter } from 'node:events'
import path from 'node:path'
import wwebjs from 'whatsapp-web.js'
import { launchOptions } from './browser.js'
import { inspect, mark, nudge, refreshCode } from './page.js'
import { inWords, Problem } from './problem.js'
import { clearLock, KeptAuth, putAside } from './profile.js'
import { within } from './within.js'

const { Client } = wwebjs
const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 60_000
const FAILED_PROBES = 3
/** Failures in a row after which this process may be the reason. */
const FAILURES_OF_A_PROCESS = 8
/** A connection that lasted so long was a good one. */
const GOOD_MS = 60_000
/** WhatsApp renews a code about every 20 seconds. */
const STALE_CODE_MS = 60_000
const CLOSE_PATIENCE_MS = 6000
const REMEMBERED = 50

export const STATES = /** @type {const} */ (['STARTING', 'SCAN_QR_CODE', 'WORKING', 'DISCONNECTED', 'FAILED', 'STOPPED'])

/** @typedef {(typeof STATES)[number]} State */
/** @typedef {{ state: State, at: string, reason: string | null }} Change */

/**
 * Emits `message` and `own` (a whatsapp-web.js Message), `ack` (a message of ours and its MessageAck), `client` (a new
 * Client, to listen to what else it tells), `connected` (each time when something may have been missed), `state`, and
 * `hopeless`, where a new process may help.
 */
export class Session extends EventEmitter {
  /** @type {State} */ state = 'STARTING'
  /** @type {string | null} */ qr = null
  /** @type {string | null} */ pairingCode = null
  /** @type {string | null} */ me = null
  /** @type {string | null} */ reason = null
  since = new Date()
  /** @type {Change[]} the newest first */ history = []
  /** @type {import('whatsapp-web.js').Client | null} */ client = null

  #settings
  #metrics
  #log
  #stopped = false
  #failures = 0
  #starts = 0
  #failedProbes = 0
  #offlineSince = 0
  #reloaded = false
  #authenticated = false
  /** @type {import('whatsapp-web.js').Client | null} */ #looking = null
  #codeSince = 0
  #askedSince = 0
  /** @type {WeakMap<import('whatsapp-web.js').Client, NodeJS.Timeout>} */ #probes = new WeakMap()
  /** @type {NodeJS.Timeout | undefined} */ #restart
  /** @type {NodeJS.Timeout | undefined} */ #good
  /** @type {Promise<void>} */ #closing = Promise.resolve()

  /**
   * @param {import('./settings.js').Settings} settings
   * @param {import('./metrics.js').Metrics} metrics
   * @param {import('pino').Logger} log
   */
  constructor (settings, metrics, log) {
    super()
    this.#settings = settings
    this.#metrics = metrics
    this.#log = log
  }

  /** @returns {string} where the browser keeps the link */
  get profile () {
    return path.join(this.#settings.dataDir, 'whatsapp', 'session')
  }

  /** Begin; what fails is tried again, more and more slowly. */
  async start () {
    if (this.#stopped || this.client) return
    const start = ++this.#starts
    this.#enter('STARTING')
    this.#offlineSince = 0
    this.#failedProbes = 0
    this.#reloaded = this.#authenticated = false
    /** @type {import('whatsapp-web.js').Client} */
    let client
    try {
      await clearLock(this.profile)
      client = new Client({
        authStrategy: new KeptAuth({ dataPath: path.dirname(this.profile) }),
        // The default would write a cache of WhatsApp's page into the working directory.
        webVersionCache: { type: 'none' },
        puppeteer: launchOptions(this.#settings)
      })
    } catch (error) {
      this.#fail(null, error)
      return
    }
    if (this.#stopped || start !== this.#starts) return
    this.client = client
    this.#listen(client)
    this.#probes.set(client, setInterval(() => this.#look(client), this.#settings.probeMs))
    try {
      const initialized = client.initialize()
      // Ended while its browser was on its way: that one is not left behind.
      initialized.finally(() => { if (this.client !== client) return this.#close(client) }).catch(() => {})
      await within(this.#settings.startTimeoutMs, initialized, 'the browser did not start in time')
    } catch (error) {
      this.#fail(client, error)
    }
  }

  /** End for good; the session stays linked. */
  async stop () {
    this.#stopped = true
    clearTimeout(this.#restart)
    clearTimeout(this.#good)
    const client = this.client
    this.#enter('STOPPED', 'stopped')
    await this.#close(client)
  }

  /**
   * Begin anew: a new browser, at once.
   * @param {string} reason
   */
  async renew (reason) {
    if (this.#stopped) return
    clearTimeout(this.#restart)
    const client = this.client
    this.client = null
    this.#enter('DISCONNECTED', reason)
    await this.#close(client)
    this.#again(0)
  }

  /** Unlink the account; a new code is shown. */
  async logout () {
    const client = this.client
    if (this.state !== 'WORKING' || !client) throw new Problem(409, 'conflict', 'no account is linked')
    await within(this.#settings.callTimeoutMs, client.logout(), 'WhatsApp Web did not answer').catch((error) => this.#log.warn({ reason: error }, 'logout_unclear'))
    if (this.client === client) await this.#unlinked(client, 'unlinked from here')
  }

  /**
   * Link by a code that is typed in on the phone, instead of the QR code.
   * @param {string} digits of the account's own number
   * @returns {Promise<string>} the code
   */
  async pair (digits) {
    const client = this.client
    if (this.state !== 'SCAN_QR_CODE' || !client) throw new Problem(409, 'conflict', 'there is nothing to link at the moment')
    this.pairingCode = await within(this.#settings.callTimeoutMs, client.requestPairingCode(digits), 'WhatsApp Web did not answer')
      .catch((error) => {
        this.#log.warn({ reason: error }, 'no_pairing_code')
        throw new Problem(502, 'no_pairing_code', 'WhatsApp gave no code; is the number right?')
      })
    return this.pairingCode
  }

  /** @param {import('whatsapp-web.js').Client} client */
  #listen (client) {
    const current = () => this.client === client && !this.#stopped
    client.on('qr', (qr) => {
      // Right after a scan the library sends a code made of nothing.
      if (!current() || /^(null|undefined)?,/.test(qr)) return
      this.qr = qr
      this.#codeSince = Date.now()
      if (this.state !== 'SCAN_QR_CODE') this.#askedSince = Date.now()
      this.#enter('SCAN_QR_CODE')
    })
    client.on('code', (code) => { if (current() && this.state === 'SCAN_QR_CODE') this.pairingCode = code })
    client.on('authenticated', () => {
      if (!current() || this.state === 'WORKING') return
      if (this.state === 'SCAN_QR_CODE') this.emit('linked')
      this.#authenticated = true
      this.#enter('STARTING', 'linked; WhatsApp is syncing')
    })
    client.on('ready', async () => {
      if (!current()) return
      await client.pupPage?.evaluate(mark).catch((error) => this.#log.warn({ reason: error }, 'page_not_marked'))
      if (current()) this.#connected()
    })
    client.on('change_state', (state) => {
      if (!current() || this.state === 'STARTING') return
      if (String(state) === 'CONNECTED') this.#connected()
      else if (this.state === 'WORKING') this.#offline(String(state))
    })
    client.on('message', (message) => { if (current()) this.emit('message', message) })
    client.on('message_create', (message) => { if (current() && message.fromMe) this.emit('own', message) })
    client.on('message_ack', (message, ack) => { if (current() && message.fromMe) this.emit('ack', message, ack) })
    client.on('auth_failure', (reason) => { if (current()) this.#fail(client, new Error(String(reason)), 'FAILED') })
    client.on('disconnected', (reason) => {
      if (!current()) return
      if (String(reason) === 'LOGOUT') this.#unlinked(client, 'unlinked on the phone')
      else this.#fail(client, new Error(`WhatsApp Web: ${reason}`))
    })
    this.emit('client', client, current)
  }

  /** The library tells of it again after a reload or a reconnect, and something may be missed each time. */
  #connected () {
    this.#offlineSince = 0
    this.#reloaded = false
    const client = this.client
    this.me = client?.info?.wid?.user ? `+${client.info.wid.user}` : client?.info?.pushname ?? null
    if (this.state !== 'WORKING') this.#enter('WORKING')
    clearTimeout(this.#good)
    this.#good = setTimeout(() => { this.#failures = 0 }, GOOD_MS)
    this.#good.unref()
    this.emit('connected')
  }

  /** @param {string} state of the page */
  #offline (state) {
    this.#offlineSince ||= Date.now()
    if (this.state === 'WORKING') this.#enter('DISCONNECTED', `WhatsApp Web has lost its connection (${state})`)
  }

  /**
   * Look after a client that may be stuck or gone without a word.
   * @param {import('whatsapp-web.js').Client} client
   */
  async #look (client) {
    if (this.client !== client || this.#stopped || this.#looking === client) return
    const page = client.pupPage
    if (!page || !client.pupBrowser) return
    if (!client.pupBrowser.connected) return this.#fail(client, new Error('the browser has ended'))
    this.#attach(client)
    this.#looking = client
    try {
      const seen = await within(this.#settings.callTimeoutMs, page.evaluate(inspect), 'the page does not answer')
      if (this.client !== client) return
      this.#failedProbes = 0
      await this.#judge(client, seen)
    } catch (error) {
      if (this.client !== client) return
      this.#failedProbes += 1
      this.#log.warn({ reason: error, failed: this.#failedProbes }, 'page_probe_failed')
      if (this.#failedProbes === FAILED_PROBES) await this.#reload(client, error)
      else if (this.#failedProbes > FAILED_PROBES) this.#fail(client, error)
    } finally {
      if (this.#looking === client) this.#looking = null
    }
  }

  /**
   * @param {import('whatsapp-web.js').Client} client
   * @param {import('./page.js').Sight} seen
   */
  async #judge (client, seen) {
    const ask = (/** @type {() => void} */ what) => within(this.#settings.callTimeoutMs, /** @type {any} */ (client.pupPage).evaluate(what), 'the page does not answer')
    if (this.state === 'SCAN_QR_CODE') {
      if (Date.now() - this.#askedSince > this.#settings.qrTimeoutMs) return this.#giveUp(client)
      if (seen.state === 'UNPAIRED_IDLE' || Date.now() - this.#codeSince > STALE_CODE_MS) {
        this.#codeSince = Date.now()
        await ask(refreshCode)
      }
      return
    }
    const isConnected = seen.state === 'CONNECTED' && seen.heard
    if (this.state === 'WORKING') {
      if (isConnected) return
      // A page that was loaded anew may be connected, and nobody listens to it.
      if (!seen.heard) this.#authenticated = false
      this.#offline(seen.heard ? seen.state ?? 'no page' : 'the page was loaded anew')
    } else if (isConnected && this.#offlineSince) {
      return this.#connected()
    }
    if (!this.#authenticated && seen.synced && seen.nudgeable) {
      // The page was in sync before the library listened; it never hears of it by itself. Where the library broke on its
      // way, a nudge would make it say that it is ready, and deaf.
      this.#log.info('nudging')
      this.#metrics.recovery('nudge')
      await ask(nudge)
      return
    }
    const late = this.#offlineSince
      ? Date.now() - this.#offlineSince > this.#settings.offlineTimeoutMs
      : Date.now() - this.since.getTime() > this.#settings.startTimeoutMs
    if (!late) return
    const reason = new Error(this.#offlineSince ? 'WhatsApp Web does not find its connection again' : 'WhatsApp Web did not become ready')
    if (this.#reloaded) this.#fail(client, reason)
    else await this.#reload(client, reason)
  }

  /**
   * @param {import('whatsapp-web.js').Client} client
   * @param {unknown} reason
   */
  async #reload (client, reason) {
    if (this.#reloaded) return this.#fail(client, reason)
    this.#reloaded = true
    this.#authenticated = false
    this.#failedProbes = 0
    this.#log.warn({ reason }, 'reloading')
    this.#metrics.recovery('reload')
    this.#enter('STARTING', inWords(reason))
    this.#offlineSince = 0
    await within(this.#settings.callTimeoutMs, /** @type {any} */ (client.pupPage).reload(), 'the page does not load').catch((error) => this.#fail(client, error))
  }

  /** @param {any} client */
  #attach (client) {
    if (client.frontdeskAttached === client.pupPage) return
    client.frontdeskAttached = client.pupPage
    client.pupPage.on('error', (/** @type {Error} */ error) => this.#fail(client, error))
    client.pupPage.on('pageerror', (/** @type {Error} */ error) => this.#log.warn({ reason: error.message ?? error }, 'page_error'))
    client.pupBrowser.on('disconnected', () => this.#fail(client, new Error('the browser has ended')))
  }

  /**
   * Nobody scans: a browser that waits for ever helps nobody.
   * @param {import('whatsapp-web.js').Client} client
   */
  async #giveUp (client) {
    this.client = null
    this.#enter('FAILED', 'nobody has scanned the code in time; ask for a new one')
    await this.#close(client)
  }

  /**
   * The link is gone: its profile is put aside, and a fresh one shows a new code.
   * @param {import('whatsapp-web.js').Client} client
   * @param {string} reason
   */
  async #unlinked (client, reason) {
    this.client = null
    this.me = null
    this.#enter('DISCONNECTED', reason)
    await this.#close(client)
    await putAside(this.profile).catch((error) => this.#log.warn({ reason: error }, 'profile_not_put_aside'))
    this.#again(FIRST_PAUSE_MS)
  }

  /**
   * @param {import('whatsapp-web.js').Client | null} client
   * @param {unknown} error
   * @param {State} [state]
   */
  #fail (client, error, state = 'DISCONNECTED') {
    if (this.#stopped || (client && this.client !== client)) return
    this.client = null
    this.#failures += 1
    clearTimeout(this.#good)
    this.#enter(state, inWords(error))
    if (this.#failures >= FAILURES_OF_A_PROCESS) {
      this.#metrics.recovery('process')
      this.#close(client).finally(() => this.emit('hopeless'))
      return
    }
    this.#metrics.recovery('browser')
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** (this.#failures - 1), LONGEST_PAUSE_MS) * (0.75 + Math.random() / 2)
    this.#close(client).finally(() => this.#again(pause))
  }

  /** @param {number} pauseMs */
  #again (pauseMs) {
    if (this.#stopped) return
    clearTimeout(this.#restart)
    this.#restart = setTimeout(() => { this.start() }, pauseMs)
  }

  /** @param {import('whatsapp-web.js').Client | null} client */
  #close (client) {
    if (client) clearInterval(this.#probes.get(client))
    this.#closing = this.#closing.then(async () => {
      if (!client) return
      try {
        await within(CLOSE_PATIENCE_MS, client.destroy(), 'the browser did not close')
      } catch (error) {
        this.#log.warn({ reason: error }, 'browser_killed')
        client.pupBrowser?.process()?.kill('SIGKILL')
      }
    })
    return this.#closing
  }

  /**
   * @param {State} state
   * @param {string | null} [reason]
   */
  #enter (state, reason = null) {
    const isNew = this.state !== state || this.reason !== reason || !this.history.length
    if (this.state !== state) this.since = new Date()
    this.state = state
    this.reason = reason
    if (state !== 'SCAN_QR_CODE') this.qr = this.pairingCode = null
    if (!isNew) return
    this.history = [{ state, at: new Date().toISOString(), reason }, ...this.history].slice(0, REMEMBERED)
    this.#metrics.state(state, STATES)
    this.#log.info({ state, reason }, 'session_state')
    this.emit('state', state)
  }
}
