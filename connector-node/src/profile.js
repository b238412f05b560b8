/** The browser's profile, which holds the link to the account: whose it is now, and what becomes of it when it is unlinked. */
import { lstatSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { readdir, rename, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import wwebjs from 'whatsapp-web.js'
import { isAlive } from './processes.js'

/** A browser whose connector was killed ends by itself, a moment later. */
const ENDING_MS = 8000
const LOCKS = ['SingletonLock', 'SingletonCookie', 'SingletonSocket']
const PROFILES_KEPT = 2

/** The profile stays when the phone unlinks it: it is put aside. */
export class KeptAuth extends wwebjs.LocalAuth {
  logout = async () => {}
}

/**
 * Put an unlinked profile aside; the newest few are kept.
 * @param {string} profile
 */
export async function putAside (profile) {
  const rooms = path.dirname(profile)
  await rename(profile, `${profile}-unlinked-${new Date().toISOString().replaceAll(':', '')}`)
  const old = (await readdir(rooms)).filter((name) => name.startsWith('session-unlinked-')).sort()
  for (const name of old.slice(0, -PROFILES_KEPT)) await rm(path.join(rooms, name), { recursive: true, force: true, maxRetries: 5 })
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
