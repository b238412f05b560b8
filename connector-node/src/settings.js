/** The connector's settings, read once from the environment and the project's .env. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import dotenv from 'dotenv'

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..')
/** The account of WEBHOOK_SECRET; the others are those of EXTRA_ACCOUNTS. */
export const MAIN_ACCOUNT = 'main'

const SECRETS = ['WEBHOOK_SECRET', 'CONNECTOR_TOKEN']
const LEVELS = /** @type {const} */ (['debug', 'info', 'warning', 'error'])
const GROUPS = /** @type {const} */ (['all', 'critical', 'none'])
const MEBIBYTE = 1024 * 1024

/**
 * @typedef {object} Settings
 * @property {string} account which WhatsApp account this process links
 * @property {string} webhookSecret signs what is posted to the backend, and says of which account it is
 * @property {string} token bearer token of the connector's own API
 * @property {string} backendUrl
 * @property {string} host address of the connector's own API
 * @property {number} port
 * @property {string} dataDir where spool and session of this account live
 * @property {number} historyLimit messages of the chat that go along with each new one
 * @property {'all' | 'critical' | 'none'} groups
 * @property {string[]} criticalGroups ids or names, known without the backend
 * @property {string[]} ignoreNumbers digits only
 * @property {boolean} captureOwn whether messages written on the phone are captured
 * @property {boolean} captureStatus whether status broadcasts are captured
 * @property {boolean} captureNewsletters
 * @property {number} backfillHours how far back what was missed is fetched
 * @property {boolean} backfillOnFirstLink whether that begins before the account was linked
 * @property {number} backfillChats most chats that are looked through
 * @property {number} backfillMessages most messages of one chat
 * @property {number} maxMediaBytes largest attachment that is fetched
 * @property {number} mediaTimeoutMs patience with one download
 * @property {number[]} mediaPausesMs before each further attempt: WhatsApp may upload a file again, for which the phone has to be online
 * @property {string | undefined} browser path or name
 * @property {string[]} browserArguments
 * @property {number} maxMemoryMb of this process and its browser; 0 for no limit
 * @property {number} memoryEveryMs how often it is measured
 * @property {number} memoryQuietMs how long nothing must be in hand before the browser is replaced for it
 * @property {number} callTimeoutMs patience with one call into the page
 * @property {number} startTimeoutMs patience from browser start to a QR code or a restored session
 * @property {number} offlineTimeoutMs patience with a page that has lost WhatsApp
 * @property {number} qrTimeoutMs how long a code is shown that nobody scans
 * @property {number} probeMs how often the page is looked at
 * @property {number} sendPerMinute fuse for sending
 * @property {boolean} typing whether sending takes a person's time
 * @property {string | undefined} tracesUrl
 * @property {string} logLevel
 */

/**
 * @param {Record<string, string | undefined>} [environment]
 * @returns {Settings}
 * @throws {Error} naming what is missing or wrong, never showing its value
 */
export function loadSettings (environment = readEnvironment()) {
  const missing = SECRETS.filter((name) => !environment[name])
  if (missing.length) throw new Error(`${missing.join(', ')}: must be set; \`make up\` writes them to .env`)
  const groups = choose(environment, 'WA_GROUPS', GROUPS, 'critical')
  const { account, secret, place } = accountOf(environment)
  const port = whole(environment, 'CONNECTOR_PORT', portOf(environment.CONNECTOR_URL) ?? 8101, 0, 65535)
  return {
    account,
    webhookSecret: secret,
    token: /** @type {string} */ (environment.CONNECTOR_TOKEN),
    backendUrl: environment.BACKEND_URL || `http://127.0.0.1:${environment.BACKEND_PORT || 8100}`,
    host: environment.CONNECTOR_HOST || '127.0.0.1',
    port: port && port + place,
    dataDir: path.resolve(ROOT, environment.VAR_DIR || 'var', 'connector', account),
    historyLimit: whole(environment, 'WA_HISTORY_LIMIT', 20, 0, 100),
    groups,
    criticalGroups: listed(environment.CRITICAL_GROUPS),
    ignoreNumbers: listed(environment.WA_IGNORE_NUMBERS).map((number) => number.replace(/\D/g, '')),
    captureOwn: yes(environment, 'WA_CAPTURE_OWN', true),
    captureStatus: yes(environment, 'WA_CAPTURE_STATUS'),
    captureNewsletters: yes(environment, 'WA_CAPTURE_NEWSLETTERS'),
    backfillHours: whole(environment, 'WA_BACKFILL_HOURS', 72, 0, 8760),
    backfillOnFirstLink: yes(environment, 'WA_BACKFILL_ON_FIRST_LINK'),
    backfillChats: whole(environment, 'WA_BACKFILL_CHATS', 500, 1, 100_000),
    backfillMessages: whole(environment, 'WA_BACKFILL_MESSAGES', 500, 1, 10_000),
    maxMediaBytes: whole(environment, 'WA_MAX_MEDIA_BYTES', 16 * MEBIBYTE, 0, 2048 * MEBIBYTE),
    mediaTimeoutMs: 1000 * whole(environment, 'WA_MEDIA_TIMEOUT_S', 60, 1, 3600),
    mediaPausesMs: (environment.WA_MEDIA_PAUSES_MS ?? '1000,5000,30000,120000').split(',').map(Number),
    browser: environment.CHROME_BIN || undefined,
    browserArguments: argumentsOf(environment.WA_CHROMIUM_ARGS),
    maxMemoryMb: whole(environment, 'WA_MAX_MEMORY_MB', 3000, 0, 1_000_000),
    memoryEveryMs: 1000 * whole(environment, 'WA_MEMORY_EVERY_S', 60, 1, 86_400),
    memoryQuietMs: 1000 * whole(environment, 'WA_MEMORY_QUIET_S', 20, 0, 3600),
    callTimeoutMs: whole(environment, 'WA_CALL_TIMEOUT_MS', 15_000, 100, 600_000),
    startTimeoutMs: whole(environment, 'WA_START_TIMEOUT_MS', 120_000, 1000, 3_600_000),
    offlineTimeoutMs: 1000 * whole(environment, 'WA_OFFLINE_TIMEOUT_S', 90, 1, 86_400),
    qrTimeoutMs: 1000 * whole(environment, 'WA_QR_TIMEOUT_S', 900, 1, 604_800),
    probeMs: whole(environment, 'WA_PROBE_MS', 5000, 100, 60_000),
    sendPerMinute: whole(environment, 'WA_SEND_PER_MINUTE', 30, 1, 1000),
    typing: yes(environment, 'WA_TYPING', true),
    tracesUrl: environment.OTEL_EXPORTER_OTLP_ENDPOINT || undefined,
    // The backend's names; pino has another word for one of them.
    logLevel: choose(environment, 'LOG_LEVEL', LEVELS, 'info').replace('warning', 'warn')
  }
}

/** @returns {Record<string, string | undefined>} */
function readEnvironment () {
  const file = path.join(ROOT, '.env')
  /** @type {Record<string, string>} */
  const parsed = {}
  if (existsSync(file) && !process.env.FRONTDESK_NO_ENV_FILE) dotenv.config({ path: file, processEnv: parsed, quiet: true })
  return { ...parsed, ...process.env }
}

/**
 * Which account this process links, its secret, and its place among the accounts: ports are counted up by it.
 * @param {Record<string, string | undefined>} environment
 */
function accountOf (environment) {
  const account = environment.WA_ACCOUNT || MAIN_ACCOUNT
  if (account === MAIN_ACCOUNT) return { account, secret: /** @type {string} */ (environment.WEBHOOK_SECRET), place: 0 }
  const others = listed(environment.EXTRA_ACCOUNTS).map((pair) => pair.split(/=(.*)/s).map((part) => part.trim()))
  const place = others.findIndex(([name]) => name === account)
  if (place < 0 || !/^[\w-]{1,64}$/.test(account)) throw new Error(`WA_ACCOUNT: must be ${MAIN_ACCOUNT} or a name of EXTRA_ACCOUNTS, of letters, digits, - and _`)
  return { account, secret: others[place][1], place: place + 1 }
}

/**
 * Arguments for the browser, each beginning with two dashes; what lies between may hold blanks and commas.
 * @param {string | undefined} text separated by blanks, lines or vertical bars, or a JSON array
 * @returns {string[]}
 */
export function argumentsOf (text) {
  const trimmed = (text || '').trim()
  /** @type {string[]} */
  let parts
  try {
    parts = trimmed.startsWith('[') ? JSON.parse(trimmed) : trimmed.split(/[\s|]+(?=["']?--)/)
  } catch {
    throw new Error('WA_CHROMIUM_ARGS: looks like JSON and is not')
  }
  const whole = parts.map((part) => String(part).trim().replace(/^(["'])(.*)\1$/s, '$2').replace(/^(--[\w-]+=)(["'])(.*)\2$/s, '$1$3'))
  if (whole.some((part) => part && !part.startsWith('--'))) throw new Error('WA_CHROMIUM_ARGS: each argument must begin with two dashes')
  return whole.filter(Boolean)
}

/** @param {string | undefined} url */
function portOf (url) {
  return url && URL.canParse(url) && new URL(url).port ? Number(new URL(url).port) : undefined
}

/** @param {string | undefined} text */
function listed (text) {
  return (text || '').split(',').map((part) => part.trim()).filter(Boolean)
}

/**
 * @param {Record<string, string | undefined>} environment
 * @param {string} name
 * @param {number} fallback
 * @param {number} least
 * @param {number} most
 */
function whole (environment, name, fallback, least, most) {
  const text = environment[name]
  if (!text) return fallback
  const number = Number(text)
  if (!Number.isInteger(number) || number < least || number > most) {
    throw new Error(`${name}: must be a whole number from ${least} to ${most}`)
  }
  return number
}

/**
 * @param {Record<string, string | undefined>} environment
 * @param {string} name
 * @param {boolean} [fallback]
 */
function yes (environment, name, fallback = false) {
  const text = (environment[name] || String(fallback)).toLowerCase()
  if (!['true', 'false', '1', '0', 'yes', 'no'].includes(text)) throw new Error(`${name}: must be true or false`)
  return ['true', '1', 'yes'].includes(text)
}

/**
 * @template {string} T
 * @param {Record<string, string | undefined>} environment
 * @param {string} name
 * @param {readonly T[]} values
 * @param {T} fallback
 * @returns {T}
 */
function choose (environment, name, values, fallback) {
  const text = environment[name] || fallback
  const found = values.find((value) => value === text)
  if (!found) throw new Error(`${name}: must be one of ${values.join(', ')}`)
  return found
}
