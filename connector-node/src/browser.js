/** Finding a browser, and starting it so that it can be trusted to end with us. */
import { accessSync, constants, existsSync } from 'node:fs'
import path from 'node:path'
import puppeteer from 'puppeteer'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome']
const MAC = ['/Applications/Google Chrome.app/Contents/MacOS/Google Chrome', '/Applications/Chromium.app/Contents/MacOS/Chromium']
const ARGUMENTS = [
  '--no-first-run', '--no-default-browser-check', '--disable-quic', '--disable-sync', '--disable-background-networking',
  '--disable-component-update', '--disable-default-apps', '--disable-dev-shm-usage', '--disable-gpu', '--mute-audio'
]

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
