/** The connector: links one WhatsApp account and hands what arrives to the backend. `--test` sends samples instead, `--check` only looks at the settings. */
import { once } from 'node:events'
import path from 'node:path'
import pino from 'pino'
import qrcode from 'qrcode-terminal'
import { Acknowledgements } from './acknowledgements.js'
import { createApi } from './api.js'
import { findBrowser } from './browser.js'
import { Delivery, post } from './delivery.js'
import { CriticalGroups } from './groups.js'
import { Intake } from './intake.js'
import { sampleMessages } from './samples.js'
import { Sends } from './sends.js'
import { Session } from './session.js'
import { loadSettings } from './settings.js'
import { Spool } from './spool.js'
import { within } from './within.js'

const STOP_PATIENCE_MS = 8000
const TIDY_MS = 24 * 3600 * 1000

/** @param {import('./settings.js').Settings} settings */
async function serve (settings) {
  // What customers write lies on this disk: for the owner's eyes only.
  process.umask(0o077)
  const log = pino({ level: settings.logLevel, base: undefined, timestamp: pino.stdTimeFunctions.isoTime })
  // The library's navigation handler rejects without anybody listening; that must not end the process.
  process.on('unhandledRejection', (error) => log.warn({ reason: String(error).slice(0, 500) }, 'unhandled_rejection'))

  const spool = new Spool(path.join(settings.varDir, 'spool'))
  const delivery = new Delivery({ spool, url: settings.backendUrl, secret: settings.webhookSecret, log })
  const groups = new CriticalGroups(settings, log)
  const session = new Session(settings, log)
  const intake = new Intake({ settings, delivery, criticalGroups: () => groups.list(), log })
  session.on('message', (message) => intake.take(message, session.client))
  const sends = new Sends(path.join(settings.varDir, 'sends'), 2 * settings.callTimeoutMs)
  const tidy = () => sends.tidy().catch((error) => log.warn({ reason: String(error) }, 'sends_not_tidied'))
  await tidy()
  setInterval(tidy, TIDY_MS).unref()
  const acks = new Acknowledgements(settings, sends, log)
  session.on('ack', (message, ack) => acks.report(message, ack))
  session.on('state', (state) => {
    if (state === 'qr' && session.qr) qrcode.generate(session.qr, { small: true })
  })

  const server = createApi(settings, { session, delivery, spool, sends, log })
  server.listen(settings.port, settings.host)
  await once(server, 'listening')
  log.info({ host: settings.host, port: /** @type {any} */ (server.address()).port }, 'serving')
  groups.start()
  await intake.resume(await delivery.leftBehind())
  session.start()

  let stopping = false
  const stop = async () => {
    if (stopping) return
    stopping = true
    log.info('stopping')
    server.close()
    // What has arrived gets its surroundings, and what is being sent its confirmation, while the page can still be asked.
    const inHand = Promise.all([intake.idle(), sends.idle()])
    await within(STOP_PATIENCE_MS, inHand, 'captures or sends took too long').catch((error) => log.warn({ reason: String(error) }, 'stopping'))
    groups.stop()
    acks.stop()
    await session.stop()
    delivery.stop()
    process.exit(0)
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
}

/** @param {import('./settings.js').Settings} settings */
async function sendSamples (settings) {
  let failed = 0
  for (const payload of sampleMessages()) {
    try {
      const answer = await post(payload, { url: settings.backendUrl, secret: settings.webhookSecret }, 'wait=25')
      const analysis = answer.analysis
      const missed = answer.routing && !answer.routing.success
      if (missed) failed += 1
      const verdict = missed ? `no agent could be reached: ${answer.routing.reason}` : analysis ? `urgency ${analysis.urgency_score}, ${analysis.category}, ${analysis.sentiment} → ${answer.routing?.agent}` : 'accepted'
      console.log(`${missed ? '✗' : '✓'} ${payload.current_message}\n  ${verdict}`)
    } catch (error) {
      failed += 1
      console.error(`✗ ${payload.current_message}\n  ${error instanceof Error ? error.message : error}`)
    }
  }
  process.exitCode = failed ? 1 : 0
}

try {
  const settings = loadSettings()
  if (process.argv.includes('--check')) findBrowser(settings.browser)
  else if (process.argv.includes('--test')) await sendSamples(settings)
  else await serve(settings)
} catch (error) {
  console.error(`connector: ${error instanceof Error ? error.message : error}`)
  process.exit(1)
}
