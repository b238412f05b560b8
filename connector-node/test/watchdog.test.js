import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { Session } from '../src/session.js'
import { watchMemory } from '../src/watchdog.js'
import { metrics, settings, silent, temporary } from './support.js'

test('a loop that stands still ends its process', { timeout: 20_000 }, async () => {
  const script = "import('./src/watchdog.js').then(({ watchLoop }) => { watchLoop(300); setTimeout(() => { for (;;); }, 50) })"
  const child = execFile(process.execPath, ['-e', script], { cwd: new URL('..', import.meta.url) })
  let told = ''
  child.stderr?.on('data', (text) => { told += text })
  const [, signal] = await once(child, 'close')
  assert.equal(signal, 'SIGKILL')
  assert.match(told, /event_loop_stuck/)
})

test('a loop that goes on is left alone', { timeout: 20_000 }, async () => {
  const script = "import('./src/watchdog.js').then(({ watchLoop }) => { watchLoop(1500); setTimeout(() => process.exit(7), 3000) })"
  const [code] = await once(execFile(process.execPath, ['-e', script], { cwd: new URL('..', import.meta.url) }), 'close')
  assert.equal(code, 7)
})

test('a browser that never starts is tried more and more slowly, and then the process is given up', async ({ mock }) => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'] })
  const session = new Session(settings({ browser: '/nonexistent', dataDir: temporary() }), metrics, silent)
  let hopeless = 0
  session.on('hopeless', () => { hopeless += 1 })
  /** @type {number[]} */
  const starts = []
  session.on('state', (state) => { if (state === 'STARTING') starts.push(Date.now()) })
  await session.start()
  for (let second = 0; second < 400; second++) {
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
    mock.timers.tick(1000)
  }
  assert.equal(hopeless, 1)
  const pauses = starts.slice(1).map((at, index) => at - starts[index])
  assert.equal(pauses.length, 7)
  assert.ok(pauses[0] <= 2000, 'soon at first')
  assert.ok(pauses.every((pause, index) => index === 0 || pause >= pauses[index - 1]) && pauses[6] > 10 * pauses[0], `${pauses}`)
  assert.match(session.history[0].reason ?? '', /CHROME_BIN/)
})

test('too much memory asks for a new browser in a quiet moment, and not again at once', async ({ mock }) => {
  mock.timers.enable({ apis: ['setInterval', 'Date'] })
  let renewed = 0
  let isQuiet = false
  const turns = async () => { for (let n = 0; n < 20; n++) await new Promise((resolve) => setImmediate(resolve)) }
  const stop = watchMemory({
    settings: { maxMemoryMb: 1, memoryEveryMs: 1000, memoryQuietMs: 2000 },
    isQuiet: () => isQuiet,
    renew: async () => { renewed += 1 },
    metrics,
    log: silent
  })
  const pass = async (/** @type {number} */ seconds) => { for (let n = 0; n < seconds * 2; n++) { mock.timers.tick(500); await turns() } }
  await turns()
  await pass(10)
  assert.equal(renewed, 0, 'something is in hand')
  isQuiet = true
  await pass(5)
  assert.equal(renewed, 1)
  await pass(60)
  assert.equal(renewed, 1, 'an account that is simply large')
  stop()
})
