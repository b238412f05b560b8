/** The connector: links one WhatsApp account and hands what arrives to the backend. `--test` sends samples instead, `--check` only looks at the settings. */
import { once } from 'node:events'
import path from 'node:path'
import qrcode from 'qrcode'
import { Acknowledgements } from './acknowledgements.js'
import { createApi } from './api.js'
import { Backfill } from './backfill.js'
import { post } from './backend.js'
import { findBrowser } from './browser.js'
import { UNREADABLE } from './capture.js'
import * as changes from './changes.js'
import { Cursors } from './cursors.js'
import { Delivery, STATUS } from './delivery.js'
import { CriticalGroups } from './groups.js'
import { Intake } from './intake.js'
import { createLog, toldReason } from './log.js'
import { Media } from './media.js'
import { Metrics } from './metrics.js'
import { sampleMessages } from './samples.js'
import { Sender } from './sender.js'
import { Sends } from './sends.js'
import { Session } from './session.js'
import { loadSettings } from './settings.js'
import { Spool } from './spool.js'
import { startTracing } from './tracing.js'
import { watchLoop, watchMemory } from './watchdog.js'
import { within } from './within.js'

const STOP_PATIENCE_MS = 3000
const TIDY_MS = 24 * 3600 * 1000
/** A page can lose WhatsApp without a word: so often it is looked whether something was missed. */
const LOOK_AGAIN_MS = 5 * 60_000
const RETRY_MS = 30_000

/** @param {import('./settings.js').Settings} settings */
async function serve (settings) {
  // What customers write lies on this disk: for the owner's eyes only.
  process.umask(0o077)
  const log = createLog(settings)
  // The library's navigation handler rejects without anybody listening; that must not end the process.
  process.on('unhandledRejection', (error) => log.warn({ reason: error }, 'unhandled_rejection'))
  // Nor must the pipe to a browser that dies, of which nobody hears but the session, which looks after the browser.
  process.on('uncaughtException', (error) => {
    if (['ECONNRESET', 'EPIPE'].includes(/** @type {NodeJS.ErrnoException} */ (error).code ?? '')) {
      log.warn({ reason: error }, 'pipe_broken')
      return
    }
    log.fatal({ reason: error, stack: error.stack }, 'broken')
    process.exit(1)
  })
  const endTracing = settings.tracesUrl ? await startTracing(settings.tracesUrl, settings.account) : null

  const backend = { url: settings.backendUrl, secret: settings.webhookSecret }
  const spool = new Spool(path.join(settings.dataDir, 'spool'))
  /** @type {Metrics} */
  const metrics = new Metrics({ waiting: () => delivery.waiting, refused: () => spool.refused, media: () => media.waiting })
  /** @type {Delivery} */
  const delivery = new Delivery({ spool, backend, metrics, log })
  const groups = new CriticalGroups(settings, log)
  const session = new Session(settings, metrics, log)
  const sends = new Sends(path.join(settings.dataDir, 'sends'), 2 * settings.callTimeoutMs)
  const sender = new Sender(settings, { session, sends, metrics, log })
  const acks = new Acknowledgements(settings, sends, delivery, log)
  const cursors = new Cursors(path.join(settings.dataDir, 'cursors.json'), log)
  const backfill = new Backfill(settings, cursors, log)
  /** @type {Media} */
  const media = new Media(settings, { session, tell: (chat, change) => intake.change(chat, change), backend, metrics, log })
  const intake = new Intake({
    settings,
    delivery,
    cursors,
    missed: (client, chat) => backfill.missed(client, chat),
    isOurs: async (message) => {
      const key = await sends.recognise(message)
      if (key) await acks.report(message, message.ack)
      return Boolean(key)
    },
    attach: media.attach,
    criticalGroups: () => groups.list(),
    metrics,
    log
  })

  const tidy = () => sends.tidy().catch((error) => log.warn({ reason: error }, 'sends_not_tidied'))
  await tidy()
  setInterval(tidy, TIDY_MS).unref()

  for (const event of ['message', 'own']) session.on(event, (message) => intake.take(message, session.client))
  session.on('ack', (message, ack) => acks.report(message, ack).catch((error) => log.warn({ reason: error }, 'acknowledgement_lost')))
  session.on('client', (client, isCurrent) => listenForChanges(client, isCurrent, intake))
  const catchUp = catchingUp({ session, backfill, intake, acks, log })
  session.on('connected', catchUp)
  session.on('linked', () => backfill.scanned())
  session.on('state', (state) => {
    const { at, reason } = session.history[0]
    delivery.add({ kind: 'status', chat: STATUS, body: { state, at, reason: toldReason(reason) ?? null } }).catch((error) => log.warn({ reason: error }, 'status_not_told'))
    if (state !== 'WORKING') {
      intake.open()
      backfill.cancel()
    }
    if (state === 'SCAN_QR_CODE' && session.qr && process.stdout.isTTY) {
      qrcode.toString(session.qr, { type: 'terminal', small: true }).then((drawn) => console.log(drawn), () => {})
    }
  })

  const status = () => ({ spooled: delivery.waiting, refused: spool.refused, media_waiting: media.waiting, backfill: backfill.progress })
  const server = createApi(settings, { session, sender, status, metrics, log })
  server.listen(settings.port, settings.host)
  await once(server, 'listening')
  log.info({ host: settings.host, port: /** @type {any} */ (server.address()).port }, 'serving')
  watchLoop()
  watchMemory({
    settings,
    isQuiet: () => delivery.waiting === 0 && !intake.isBusy && !sends.isBusy,
    renew: () => {
      metrics.recovery('memory')
      return session.renew('the browser took too much memory')
    },
    metrics,
    log
  })
  groups.start()
  intake.resume(await delivery.leftBehind())
  media.resume()
  session.start()

  let stopping = false
  const stop = async (code = 0) => {
    if (stopping) return
    stopping = true
    log.info('stopping')
    server.close()
    // What has arrived gets its surroundings, and what is being sent its confirmation, while the page can still be asked.
    const inHand = Promise.all([intake.idle(), sends.idle()])
    await within(STOP_PATIENCE_MS, inHand, 'captures or sends took too long').catch((error) => log.warn({ reason: error }, 'stopping'))
    groups.stop()
    media.stop()
    await session.stop()
    delivery.stop()
    await cursors.flush()
    if (endTracing) await within(1000, endTracing(), 'the collector does not answer').catch((error) => log.warn({ reason: error }, 'spans_lost'))
    process.exit(code)
  }
  process.on('SIGINT', () => stop())
  process.on('SIGTERM', () => stop())
  session.on('hopeless', () => {
    log.error('a new process may help')
    stop(1)
  })
}

/**
 * What happens to messages after they were written.
 * @param {any} client
 * @param {() => boolean} isCurrent
 * @param {Intake} intake
 */
function listenForChanges (client, isCurrent, intake) {
  const take = (/** @type {[string, import('./changes.js').Change] | null} */ change) => { if (change && isCurrent()) intake.change(...change, client) }
  client.on('message_edit', (/** @type {any} */ message, /** @type {string} */ text, /** @type {string | undefined} */ before) => take(changes.edited(message, text, before)))
  client.on('message_revoke_everyone', (/** @type {any} */ message) => take(changes.deleted(message)))
  client.on('message_reaction', (/** @type {any} */ reaction) => take(changes.reacted(reaction)))
  client.on('vote_update', (/** @type {any} */ vote) => take(changes.voted(vote)))
  client.on('message_ciphertext_failed', (/** @type {any} */ message) => {
    message.type = UNREADABLE
    if (isCurrent()) intake.take(message, client)
  })
}

/**
 * On each connection, and now and then: whether something was missed.
 * @param {{ session: Session, backfill: Backfill, intake: Intake, acks: Acknowledgements, log: import('pino').Logger }} parts
 * @returns {() => void}
 */
function catchingUp ({ session, backfill, intake, acks, log }) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer
  return function look () {
    const client = /** @type {any} */ (session.client)
    clearTimeout(timer)
    if (session.state !== 'WORKING' || !client) return
    intake.open()
    const again = (/** @type {number} */ pause) => {
      clearTimeout(timer)
      timer = setTimeout(look, pause)
      timer.unref()
    }
    acks.catchUp(client)
    const run = backfill.begin(client).then(() => backfill.run(client, (chat) => intake.catchUp(chat, client), intake.undecided))
    run.then((isWhole) => {
      if (session.client !== client || session.state !== 'WORKING' || isWhole === null) return
      if (isWhole) intake.close()
      again(isWhole ? LOOK_AGAIN_MS : RETRY_MS)
    }, (error) => {
      log.warn({ reason: error }, 'not_caught_up')
      again(RETRY_MS)
    })
  }
}

/** @param {import('./settings.js').Settings} settings */
async function sendSamples (settings) {
  let failed = 0
  for (const payload of sampleMessages()) {
    try {
      const answer = await post({ url: settings.backendUrl, secret: settings.webhookSecret }, '/webhook', payload.message_id, payload, { prefer: 'wait=25' })
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
