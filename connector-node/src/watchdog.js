/** Looks after this process itself: a loop that is stuck, and memory that grows. */
import { Worker } from 'node:worker_threads'
import { memory } from './processes.js'

const BEAT_MS = 1000
/** Nothing here computes for so long. */
const STUCK_MS = 60_000
/** A restart does not wait longer for a quiet moment. */
const NOT_LATER_MS = 15 * 60_000
/** An account that is simply large must not get a new browser each minute: the pause doubles. */
const FIRST_PAUSE_MS = 30 * 60_000

const THREAD = `
const { workerData: { beat, stuckMs, pid } } = require('node:worker_threads')
const { writeSync } = require('node:fs')
setInterval(() => {
  if (Number(process.hrtime.bigint() / 1000000n - Atomics.load(beat, 0)) < stuckMs) return
  writeSync(2, JSON.stringify({ level: 60, time: new Date().toISOString(), msg: 'event_loop_stuck' }) + '\\n')
  process.kill(pid, 'SIGKILL')
}, ${BEAT_MS})
`

/**
 * End this process where its loop stands still: whoever started it starts it again, and nothing that it holds is only in
 * memory. A thread of its own watches, because a loop that is stuck cannot.
 * @param {number} [stuckMs]
 */
export function watchLoop (stuckMs = STUCK_MS) {
  const beat = new BigInt64Array(new SharedArrayBuffer(8))
  const tick = () => Atomics.store(beat, 0, process.hrtime.bigint() / 1_000_000n)
  tick()
  setInterval(tick, Math.min(BEAT_MS, stuckMs / 4)).unref()
  const thread = new Worker(THREAD, { eval: true, workerData: { beat, stuckMs, pid: process.pid }, stdout: false, stderr: false })
  thread.unref()
}

/**
 * Measure memory regularly, and ask for a new browser where there is too much.
 * @param {object} options
 * @param {Pick<import('./settings.js').Settings, 'maxMemoryMb' | 'memoryEveryMs' | 'memoryQuietMs'>} options.settings
 * @param {() => boolean} options.isQuiet whether nothing is in hand
 * @param {() => Promise<void>} options.renew
 * @param {import('./metrics.js').Metrics} options.metrics
 * @param {import('pino').Logger} options.log
 * @returns {() => void} stops
 */
export function watchMemory ({ settings: { maxMemoryMb, memoryEveryMs, memoryQuietMs }, isQuiet, renew, metrics, log }) {
  let wanted = 0
  let notBefore = 0
  let pauseMs = FIRST_PAUSE_MS
  let quietSince = 0
  const measure = async () => {
    const bytes = await memory()
    metrics.memory(bytes)
    const megabytes = Math.round((bytes.node + bytes.browser) / 2 ** 20)
    if (maxMemoryMb && megabytes > maxMemoryMb && !wanted && Date.now() > notBefore) {
      wanted = Date.now()
      quietSince = Date.now()
      log.warn({ megabytes, limit: maxMemoryMb }, 'memory_over_limit')
    }
  }
  const look = async () => {
    if (!wanted) return
    if (!isQuiet()) quietSince = Date.now()
    if (Date.now() - quietSince < memoryQuietMs && Date.now() - wanted < NOT_LATER_MS) return
    wanted = 0
    notBefore = Date.now() + pauseMs
    pauseMs *= 2
    await renew()
  }
  const failed = (/** @type {unknown} */ error) => log.warn({ reason: error }, 'memory_not_measured')
  measure().catch(failed)
  const timers = [setInterval(() => measure().catch(failed), memoryEveryMs), setInterval(() => look().catch(failed), 500)]
  for (const timer of timers) timer.unref()
  return () => timers.forEach((timer) => clearInterval(timer))
}
