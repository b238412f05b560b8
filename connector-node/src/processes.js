/** This process and its browser, as the system sees them. */
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'

/** @typedef {{ pid: number, parent: number, bytes: number }} Process */

/** @param {number} pid */
export function isAlive (pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM'
  }
}

/**
 * Resident memory of this process, and of all that it has started. Pages that several of them share count for each.
 * @returns {Promise<{ node: number, browser: number }>} bytes
 */
export async function memory () {
  const all = process.platform === 'linux' ? fromProc() : await fromPs()
  /** @type {Map<number, Process[]>} */
  const children = new Map()
  for (const one of all) children.set(one.parent, [...children.get(one.parent) ?? [], one])
  /** @type {(pid: number) => number} */
  const below = (pid) => (children.get(pid) ?? []).reduce((sum, one) => sum + one.bytes + below(one.pid), 0)
  return { node: process.memoryUsage.rss(), browser: below(process.pid) }
}

/** @returns {Process[]} */
function fromProc () {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    try {
      const status = readFileSync(`/proc/${name}/status`, 'utf8')
      const field = (/** @type {string} */ key) => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0)
      return [{ pid: Number(name), parent: field('PPid'), bytes: field('VmRSS') * 1024 }]
    } catch {
      return []
    }
  })
}

/** @returns {Promise<Process[]>} */
async function fromPs () {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,rss='])
  return stdout.trim().split('\n').map((line) => line.trim().split(/\s+/).map(Number)).map(([pid, parent, rss]) => ({ pid, parent, bytes: rss * 1024 }))
}
