/** The connector's own API, for the backend: state, QR code, sending, the session. Loopback and a bearer token. */
import { randomUUID, timingSafeEqual } from 'node:crypto'
import http from 'node:http'
import qrcode from 'qrcode'
import { Problem } from './problem.js'
import { OtherContent, UnknownOutcome } from './sends.js'
import { traced } from './tracing.js'

const MEBIBYTE = 1024 * 1024
const MAX_CHARACTERS = 65_536

/**
 * @typedef {object} Parts
 * @property {import('./session.js').Session} session
 * @property {import('./sender.js').Sender} sender
 * @property {() => object} status what /status tells apart from the session
 * @property {import('./metrics.js').Metrics} metrics
 * @property {import('pino').Logger} log
 */

/** @typedef {[number, object | string | Buffer, string?]} Answer status, and a document or something of a content type */

/**
 * @param {import('./settings.js').Settings} settings
 * @param {Parts} parts
 * @returns {http.Server}
 */
export function createApi (settings, { session, sender, status, metrics, log }) {
  /** @type {Record<string, (request: http.IncomingMessage) => Promise<Answer>>} */
  const routes = {
    'GET /health': async () => [200, { status: 'ok' }],
    'GET /metrics': async () => [200, await metrics.text(), 'text/plain; version=0.0.4; charset=utf-8'],
    'GET /status': async () => [200, {
      account: settings.account,
      state: session.state,
      qr: session.qr,
      pairing_code: session.pairingCode,
      me: session.me,
      since: session.since.toISOString(),
      reason: session.reason,
      history: session.history,
      ...status()
    }],
    'GET /qr': async (request) => {
      if (!session.qr) throw new Problem(404, 'no_qr', 'there is no code to scan at the moment')
      return drawn(session.qr, new URL(request.url ?? '/', 'http://localhost').searchParams.get('format') ?? 'json')
    },
    'POST /session/restart': async () => {
      session.renew('a new start was asked for').catch((error) => log.error({ reason: error }, 'restart_failed'))
      return [202, { status: 'restarting' }]
    },
    'POST /session/logout': async () => {
      await session.logout()
      return [202, { status: 'unlinked' }]
    },
    'POST /session/pairing-code': async (request) => {
      const { phone_number: number } = await readJson(request, MEBIBYTE)
      const digits = typeof number === 'string' ? number.replace(/[\s().+-]/g, '') : ''
      if (!/^\d{7,15}$/.test(digits)) throw new Problem(422, 'invalid_input', 'phone_number: must be a number with its country code, as +1 555 0100')
      return [200, { code: await session.pair(digits) }]
    },
    'POST /messages': async (request) => {
      const wanted = checked(await readJson(request, MEBIBYTE + Math.ceil(settings.maxMediaBytes * 4 / 3)), settings)
      const key = String(request.headers['idempotency-key'] ?? '').trim() || randomUUID()
      const carrier = { traceparent: /** @type {string | undefined} */ (request.headers.traceparent) }
      const id = await traced('send by WhatsApp', () => sender.send(key, wanted), carrier).catch((error) => {
        if (error instanceof OtherContent) throw new Problem(409, 'conflict', 'this key was used for another text or chat')
        if (!(error instanceof UnknownOutcome)) throw error
        log.warn({ reason: error.cause ?? 'this process ended while it was sending' }, 'send_unclear')
        throw new Problem(504, 'unknown_outcome', 'WhatsApp did not confirm; the message may have been sent')
      })
      return [201, { message_id: id }]
    },
    'GET /messages/': async (request) => [200, await sender.find(unescaped(path(request).slice('/messages/'.length)))]
  }

  return http.createServer(async (request, response) => {
    const route = `${request.method} ${path(request).replace(/^(\/messages\/).+$/, '$1')}`
    try {
      if (!(route in routes)) throw new Problem(404, 'not_found', 'there is nothing at this address')
      if (route !== 'GET /health') checkToken(request, settings.token)
      const [status, content, type] = await routes[route](request)
      answer(response, status, content, type)
    } catch (error) {
      const problem = error instanceof Problem ? error : new Problem(500, 'error', 'something went wrong here; it has been logged')
      if (problem !== error) log.error({ route, reason: error }, 'request_failed')
      for (const [name, value] of Object.entries(problem.headers)) response.setHeader(name, value)
      answer(response, problem.status, { title: problem.code, status: problem.status, code: problem.code, detail: problem.message })
    }
  })
}

/**
 * @param {any} document
 * @param {import('./settings.js').Settings} settings
 * @returns {import('./sender.js').Request}
 */
function checked ({ chat_id: chat, text, reply_to: replyTo, media, typing }, { maxMediaBytes }) {
  const wrong = (/** @type {string} */ detail) => new Problem(422, 'invalid_input', detail)
  if (typeof chat !== 'string' || !/^\d[\d-]*@(c\.us|lid|g\.us)$/.test(chat)) throw wrong('chat_id: must be an id such as 15550100@c.us')
  if (media !== undefined) {
    const isWhole = media && typeof media === 'object' && typeof media.mimetype === 'string' && /^[\w-]+\/[\w.+-]+(; *codecs=[\w.-]+)?$/.test(media.mimetype) &&
      typeof media.data === 'string' && /^[A-Za-z0-9+/]+={0,2}$/.test(media.data) && (media.filename === undefined || typeof media.filename === 'string')
    if (!isWhole) throw wrong('media: must have mimetype, data (base64) and may have filename')
    if (media.data.length * 3 / 4 > maxMediaBytes + 2) throw new Problem(413, 'body_too_large', `media: may have at most ${maxMediaBytes} bytes`)
  }
  const words = text ?? (media ? '' : undefined)
  if (typeof words !== 'string' || [...words].length > MAX_CHARACTERS || !(media || words.trim())) throw wrong(`text: must be a text of at most ${MAX_CHARACTERS} characters`)
  if (replyTo !== undefined && (typeof replyTo !== 'string' || !replyTo)) throw wrong('reply_to: must be the id of a message')
  if (typing !== undefined && typeof typing !== 'boolean') throw wrong('typing: must be true or false')
  const { mimetype, data, filename, voice } = media ?? {}
  return { chat, text: words, ...(replyTo && { reply_to: replyTo }), ...(media && { media: { mimetype, data, filename, voice: voice === true } }), typing }
}

/**
 * @param {string} code
 * @param {string} format
 * @returns {Promise<Answer>}
 */
async function drawn (code, format) {
  switch (format) {
    case 'json': return [200, { qr: code }]
    case 'png': return [200, await qrcode.toBuffer(code, { margin: 2, scale: 8 }), 'image/png']
    case 'svg': return [200, await qrcode.toString(code, { type: 'svg', margin: 2 }), 'image/svg+xml']
    case 'text': return [200, await qrcode.toString(code, { type: 'utf8' }), 'text/plain; charset=utf-8']
    default: throw new Problem(422, 'invalid_input', 'format: must be json, png, svg or text')
  }
}

/** @param {string} text */
function unescaped (text) {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new Problem(400, 'invalid_input', 'the address is not escaped as it should be')
  }
}

/** @param {http.IncomingMessage} request */
function path (request) {
  return request.url?.split('?')[0] ?? '/'
}

/**
 * @param {http.IncomingMessage} request
 * @param {string} token
 */
function checkToken (request, token) {
  const given = Buffer.from((request.headers.authorization ?? '').replace(/^bearer /i, ''))
  const wanted = Buffer.from(token)
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
    throw new Problem(401, 'unauthenticated', 'the token is missing or wrong')
  }
}

/**
 * @param {http.IncomingMessage} request
 * @param {number} limit
 * @returns {Promise<any>}
 */
async function readJson (request, limit) {
  const parts = []
  let size = 0
  for await (const part of request) {
    size += part.length
    if (size > limit) throw new Problem(413, 'body_too_large', 'the body is too large')
    parts.push(part)
  }
  try {
    const document = JSON.parse(Buffer.concat(parts).toString('utf8'))
    if (document && typeof document === 'object' && !Array.isArray(document)) return document
  } catch {}
  throw new Problem(400, 'not_json', 'the body must be a JSON object')
}

/**
 * @param {http.ServerResponse} response
 * @param {number} status
 * @param {object | string | Buffer} content
 * @param {string} [type]
 */
function answer (response, status, content, type) {
  const kind = type ?? (status >= 400 ? 'application/problem+json' : 'application/json')
  response.writeHead(status, { 'content-type': kind, 'cache-control': 'no-store' }).end(type ? content : JSON.stringify(content))
}
