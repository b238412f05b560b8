/** Files that survive a crash and a power cut: written aside and renamed, so that a file is whole or not there. */
import { readdirSync, rmSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import path from 'node:path'

const ASIDE = '.tmp'
let count = 0

/**
 * Remove what a process that was killed had not finished writing.
 * @param {string} directory of this process alone
 */
export function removeUnfinished (directory) {
  for (const name of readdirSync(directory)) if (name.endsWith(ASIDE)) rmSync(path.join(directory, name), { force: true })
}

/**
 * @param {string} target
 * @param {string | Buffer} content
 * @returns {Promise<void>} on disk when this resolves
 */
export async function writeDurably (target, content) {
  const aside = `${target}.${++count}${ASIDE}`
  const file = await open(aside, 'w', 0o600)
  try {
    await file.writeFile(content)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(aside, target)
  const directory = await open(path.dirname(target), 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
