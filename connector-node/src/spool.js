/**
 * What the backend has to be told, on disk until it has it: one file an entry, written aside and renamed, so that a file
 * is whole or not there. Names sort by capture.
 */
import { mkdirSync, readdirSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { removeUnfinished, writeDurably } from './durable.js'

const SUFFIX = '.json'

/**
 * @typedef {object} Entry
 * @property {'message' | 'change' | 'acknowledgement' | 'status'} kind
 * @property {string} chat entries of one chat are delivered in order
 * @property {any} body what is posted
 * @property {string} [group] the name of the group, where the page told it
 * @property {boolean} [held] a message whose chat may have earlier ones that were missed
 */

export class Spool {
  #directory
  #dead
  #last = 0

  /** @param {string} directory made if it is not there */
  constructor (directory) {
    this.#directory = directory
    this.#dead = path.join(directory, 'refused')
    mkdirSync(this.#dead, { recursive: true, mode: 0o700 })
    removeUnfinished(directory)
    // A clock that was set back must not put new entries before old ones.
    this.#last = Number.parseInt(this.names().at(-1) ?? '0')
  }

  /**
   * Keep an entry; it survives a crash and a power cut from when this resolves.
   * @param {Entry} entry
   * @returns {Promise<string>} its name
   */
  async add (entry) {
    this.#last = Math.max(this.#last + 1, Date.now() * 1000)
    const name = `${String(this.#last).padStart(17, '0')}${SUFFIX}`
    await writeDurably(path.join(this.#directory, name), JSON.stringify(entry))
    return name
  }

  /**
   * Replace a waiting entry by a fuller version of itself, in its place.
   * @param {string} name
   * @param {Entry} entry
   */
  async replace (name, entry) {
    await writeDurably(path.join(this.#directory, name), JSON.stringify(entry))
  }

  /** @returns {string[]} the names of all waiting entries, oldest first */
  names () {
    return readdirSync(this.#directory).filter((name) => name.endsWith(SUFFIX)).sort()
  }

  /** @returns {number} how many entries the backend refused for good */
  get refused () {
    try {
      return readdirSync(this.#dead).filter((name) => name.endsWith(SUFFIX)).length
    } catch {
      // A disk in trouble is told of elsewhere; who asks how things are must get an answer.
      return 0
    }
  }

  /**
   * @param {string} name
   * @returns {Promise<Entry>}
   */
  async read (name) {
    return JSON.parse(await readFile(path.join(this.#directory, name), 'utf8'))
  }

  /**
   * The backend has it.
   * @param {string} name
   */
  async remove (name) {
    await rm(path.join(this.#directory, name), { force: true })
  }

  /**
   * The backend will never take it: put it aside with the reason.
   * @param {string} name
   * @param {string} reason
   */
  async refuse (name, reason) {
    const from = path.join(this.#directory, name)
    const text = await readFile(from, 'utf8')
    await writeDurably(path.join(this.#dead, name), JSON.stringify({ reason, entry: parsed(text) }))
    await rm(from, { force: true })
  }
}

/** @param {string} text */
function parsed (text) {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
