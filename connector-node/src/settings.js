/** The connector's settings, read once from the environment and the project's .env. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import dotenv from 'dotenv'

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..')

const SECRETS = ['WEBHOOK_SECRET', 'CONNECTOR_TOKEN']
const LEVELS = /** @type {const} */ (['debug', 'info', 'warning', 'error'])
const GROUPS = /** @type {const} */ (['all', 'critical', 'none'])

/**
 * @typedef {object} Settings
 * @property {string} webhookSecret signs what is posted to the backend
 * @property {string} token bearer token of the connector's own API
 * @property {string} backendUrl
 * @property {string} host address of the connector's own API
 * @property {number} port
 * @property {string} varDir where spool and session live
 * @property {number} historyLimit messages of the chat that go along with each new one
 * @property {'all' | 'critical' | 'none'} groups
 * @property {string[]} criticalGroups ids or names, known without the backend
 * @property {string[]} ignoreNumbers digits only
 * @property {boolean} captureOwn whether messages written on the phone are captured
 * @property {boolean} captureStatus whether status broadcasts are captured
 * @property {boolean} captureNewsletters
 * @property {string | undefined} browser
 * @property {string[]} browserArguments
 * @property {number} callTimeoutMs patience with one call into the page
 * @property {number} startTimeoutMs patience from browser start to a QR code or a restored session
 * @property {number} sendPerMinute fuse for sending
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
  const varDir = path.resolve(ROOT, environment.VAR_DIR || 'var')
  return {
    webhookSecret: /** @type {string} */ (environment.WEBHOOK_SECRET),
    token: /** @type {string} */ (environment.CONNECTOR_TOKEN),
    backendUrl: environment.BACKEND_URL || `http://127.0.0.1:${environment.BACKEND_PORT || 8100}`,
    host: environment.CONNECTOR_HOST || '127.0.0.1',
    port: whole(environment, 'CONNECTOR_PORT', portOf(environment.CONNECTOR_URL) ?? 8101, 0, 65535),
    varDir,
    historyLimit: whole(environment, 'WA_HISTORY_LIMIT', 20, 0, 100),
    groups,
    criticalGroups: listed(environment.CRITICAL_GROUPS),
    ignoreNumbers: listed(environment.WA_IGNORE_NUMBERS).map((number) => number.replace(/\D/g, '')),
    captureOwn: yes(environment, 'WA_CAPTURE_OWN'),
    captureStatus: yes(environment, 'WA_CAPTURE_STATUS'),
    captureNewsletters: yes(environment, 'WA_CAPTURE_NEWSLETTERS'),
    browser: environment.WA_BROWSER || undefined,
    browserArguments: (environment.WA_BROWSER_ARGS || '').split('|').map((part) => part.trim()).filter(Boolean),
    callTimeoutMs: whole(environment, 'WA_CALL_TIMEOUT_MS', 15_000, 100, 600_000),
    startTimeoutMs: whole(environment, 'WA_START_TIMEOUT_MS', 120_000, 1000, 3_600_000),
    sendPerMinute: whole(environment, 'WA_SEND_PER_MINUTE', 30, 1, 1000),
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
 */
function yes (environment, name) {
  const text = (environment[name] || 'false').toLowerCase()
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
