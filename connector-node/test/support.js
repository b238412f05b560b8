import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import pino from 'pino'
import { Metrics } from '../src/metrics.js'
import { loadSettings } from '../src/settings.js'

const { cases } = JSON.parse(readFileSync(new URL('fixtures/message_shapes.json', import.meta.url), 'utf8'))

/**
 * A message of the fixture, with what its class would add.
 * @param {string} name
 * @param {object} [changes]
 * @returns {any}
 */
export function shape (name, changes = {}) {
  if (!(name in cases)) throw new Error(`no shape ${name}`)
  const message = { ...structuredClone(cases[name]), ...changes }
  return { ...message, rawData: message._data ?? {} }
}

export const shapes = Object.keys(cases)
export const silent = pino({ level: 'silent' })

/**
 * The defaults, with shorter patience.
 * @param {Partial<import('../src/settings.js').Settings>} [changes]
 * @returns {import('../src/settings.js').Settings}
 */
export function settings (changes = {}) {
  const secrets = { WEBHOOK_SECRET: 'whsec_' + Buffer.alloc(24, 7).toString('base64'), CONNECTOR_TOKEN: 'a-token-for-tests' }
  return { ...loadSettings(secrets), callTimeoutMs: 500, typing: false, ...changes }
}

export const metrics = new Metrics({ waiting: () => 0, refused: () => 0, media: () => 0 })

/** @returns {string} a directory that is removed when the tests end */
export function temporary () {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'connector-'))
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
  return directory
}
