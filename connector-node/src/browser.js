/** Finding a browser, and starting it so that it can be trusted to end with us. */
import { existsSync, lstatSync, readlinkSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import puppeteer from 'puppeteer'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome']
const MAC = ['/Applications/Google Chrome.app/Contents/MacOS/Google Chrome', '/Applications/Chromium.app/Contents/MacOS/Chromium']
const ARGUMENTS = [
  '--no-first-run', '--no-default-browser-check', '--disable-quic', '--disable-sync', '--disable-background-networking',
  '--disable-component-update', '--disable-default-apps', '--disable-dev-shm-usage', '--disable-gpu', '--mute-audio'
]

/**
 * The browser to use: the setting, then the system's, then one that puppeteer downloaded.
 * @param {string | undefined} wanted
 * @returns {string}
 * @throws {Error} saying what to install
 */
export function findBrowser (wanted) {
  if (wanted) {
    if (!existsSync(wanted)) throw new Error('WA_BROWSER: there is no such file')
    return wanted
  }
  const directories = (process.env.PATH ?? '').split(path.delimiter)
  const candidates = [...directories.flatMap((directory) => NAMES.map((name) => path.join(directory, name))), ...MAC]
  const found = candidates.find((candidate) => existsSync(candidate))
  if (found) return found
  const downloaded = puppeteer.executablePath()
  if (existsSync(downloaded)) return downloaded
  throw new Error('no Chromium or Chrome: install one (Debian: apt install chromium), or run `npx puppeteer browsers install chrome` here')
}

/**
 * What puppeteer is told. Signals are ours, and over a pipe Chromium ends when this process does, however it ends.
 * @param {import('./settings.js').Settings} settings
 */
export function launchOptions (settings) {
  const args = [...ARGUMENTS, ...settings.browserArguments]
  // Chromium refuses to run as root with its sandbox.
  if (process.getuid?.() === 0) args.push('--no-sandbox')
  return {
    headless: true,
    executablePath: findBrowser(settings.browser),
    args,
    pipe: true,
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
    protocolTimeout: 180_000
  }
}

/**
 * Remove a profile's lock whose owner is gone; left behind by another container or a crash it keeps Chromium from starting.
 * @param {string} profile
 */
export function clearStaleLock (profile) {
  const lock = path.join(profile, 'SingletonLock')
  let owner
  try {
    lstatSync(lock)
    owner = readlinkSync(lock)
  } catch {
    return
  }
  const [, host, pid] = /^(.*)-(\d+)$/.exec(owner) ?? []
  if (host === os.hostname() && isAlive(Number(pid))) return
  for (const name of ['SingletonLock', 'SingletonCookie', 'SingletonSocket']) rmSync(path.join(profile, name), { force: true })
}

/** @param {number} pid */
function isAlive (pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM'
  }
}
