/** Finding a browser, and starting it so that it can be trusted to end with us. */
import { accessSync, constants, existsSync, lstatSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import os from 'node:os'
import path from 'node:path'
import puppeteer from 'puppeteer'
import { isAlive } from './processes.js'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome']
const MAC = ['/Applications/Google Chrome.app/Contents/MacOS/Google Chrome', '/Applications/Chromium.app/Contents/MacOS/Chromium']
const ARGUMENTS = [
  '--no-first-run', '--no-default-browser-check', '--disable-quic', '--disable-sync', '--disable-background-networking',
  '--disable-component-update', '--disable-default-apps', '--disable-dev-shm-usage', '--disable-gpu', '--mute-audio'
]
/** A browser whose connector was killed ends by itself, a moment later. */
const ENDING_MS = 8000
const LOCKS = ['SingletonLock', 'SingletonCookie', 'SingletonSocket']

/**
 * The browser to use: the setting (a path, or a name as `chromium-headless-shell`), then the system's, then one that
 * puppeteer downloaded.
 * @param {string | undefined} wanted
 * @returns {string}
 * @throws {Error} saying what to install
 */
export function findBrowser (wanted) {
  if (wanted) {
    const found = wanted.includes('/') ? wanted : inPath([wanted])
    if (!found || !existsSync(found)) throw new Error('CHROME_BIN: there is no such browser')
    return found
  }
  const found = inPath(NAMES) ?? MAC.find((candidate) => existsSync(candidate))
  if (found) return found
  const downloaded = puppeteer.executablePath()
  if (existsSync(downloaded)) return downloaded
  throw new Error('no Chromium or Chrome: install one (Debian: apt install chromium), or run `npx puppeteer browsers install chrome` here')
}

/** @param {string[]} names */
function inPath (names) {
  const directories = (process.env.PATH ?? '').split(path.delimiter)
  return directories.flatMap((directory) => names.map((name) => path.join(directory, name))).find((candidate) => {
    try {
      accessSync(candidate, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/**
 * What puppeteer is told. Signals are ours, and over a pipe Chromium ends when this process does, however it ends.
 * @param {import('./settings.js').Settings} settings
 */
export function launchOptions (settings) {
  const args = [...ARGUMENTS, ...settings.browserArguments]
  // Chromium refuses to run as root with its sandbox.
  if (process.getuid?.() === 0) args.push('--no-sandbox')
  const executablePath = findBrowser(settings.browser)
  return {
    headless: /headless-shell/.test(path.basename(executablePath)) ? /** @type {const} */ ('shell') : true,
    executablePath,
    args,
    pipe: true,
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
    protocolTimeout: 180_000
  }
}

/**
 * Remove a profile's lock whose owner is gone: left behind by another container or a crash it keeps Chromium from starting.
 * @param {string} profile
 * @throws {Error} saying who uses the profile now
 */
export async function clearLock (profile) {
  const owner = ownerOf(profile)
  if (owner === null) return
  for (const end = Date.now() + ENDING_MS; isUsing(owner, profile); await setTimeout(100)) {
    if (Date.now() > end) {
      throw new Error(`the profile is in use by the browser with process number ${owner}: is another connector running for this account?`)
    }
  }
  for (const name of LOCKS) rmSync(path.join(profile, name), { force: true })
}

/**
 * @param {string} profile
 * @returns {number | null} null where nobody is; 0 where it was somebody on another machine, or nobody knows who
 */
function ownerOf (profile) {
  let owner
  try {
    const lock = path.join(profile, LOCKS[0])
    lstatSync(lock)
    owner = readlinkSync(lock)
  } catch {
    return null
  }
  const [, host, pid] = /^(.*)-(\d+)$/.exec(owner) ?? []
  return host === os.hostname() ? Number(pid) : 0
}

/**
 * Whether a process is alive, and not somebody else who got its number.
 * @param {number} pid
 * @param {string} profile
 */
function isUsing (pid, profile) {
  if (!pid || !isAlive(pid)) return false
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(profile)
  } catch {
    return process.platform !== 'linux'
  }
}
