import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import pino from 'pino'

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
 * @param {Partial<import('../src/settings.js').Settings>} [changes]
 * @returns {import('../src/settings.js').Settings}
 */
export function settings (changes = {}) {
  return {
    webhookSecret: 'whsec_' + Buffer.alloc(24, 7).toString('base64'),
    token: 'a-token-for-tests',
    backendUrl: 'http://127.0.0.1:1',
    host: '127.0.0.1',
    port: 0,
    varDir: '/nonexistent',
    historyLimit: 20,
    groups: 'critical',
    criticalGroups: [],
    ignoreNumbers: [],
    captureOwn: false,
    captureStatus: false,
    captureNewsletters: false,
    browser: undefined,
    browserArguments: [],
    callTimeoutMs: 500,
    startTimeoutMs: 5000,
    sendPerMinute: 30,
    logLevel: 'silent',
    ...changes
  }
}

/** @returns {string} a directory that is removed when the tests end */
export function temporary () {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'connector-'))
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
  return directory
}
