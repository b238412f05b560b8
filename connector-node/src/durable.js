/** Files that survive a crash and a power cut: written aside and renamed, so that a file is whole or not there. */
import { open, rename } from 'node:fs/promises'
import path from 'node:path'

/**
 * @param {string} target
 * @param {string} text
 * @returns {Promise<void>} on disk when this resolves
 */
export async function writeDurably (target, text) {
  const aside = `${target}.tmp`
  const file = await open(aside, 'w', 0o600)
  try {
    await file.writeFile(text)
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
