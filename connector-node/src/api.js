/** The connector's own API, for the backend: state, QR code, send a text. Loopback and a bearer token. */
import { randomUUID, timingSafeEqual } from 'node:crypto'
import http from 'node:http'
import { messageId } from './identity.js'
import { OtherContent, UnknownOutcome } from './sends.js'
import { within } from './within.js'

const MAX_BODY = 1024 * 1024
const MAX_CHARACTERS = 65_536
const SLOW = 'WhatsApp Web did not answer in time'

class Problem extends Error {
  /**
   * @param {number} status
   * @param {string} code
   * @param {string} detail
   * @param {Record<string, string>} [headers]
   */
  constructor (status, code, detail, headers = {}) {
    super(detail)
    this.status = status
    this.code = code
    this.headers = headers
    /** The text certainly did not leave: the same key may be tried again. */
    this.notSent = true
  }
}

/**
 * @typedef {object} Parts
 * @property {import('./session.js').Session} session
 * @property {import('./delivery.js').Delivery} delivery
 * @property {import('./spool.js').Spool} spool
 * @property {import('./sends.js').Sends} sends
 * @property {import('pino').Logger} log
 */

/**
 * @param {import('./settings.js').Settings} settings
 * @param {Parts} parts
 * @returns {http.Server}
 */
export function createApi (settings, { session, delivery, spool, sends, log }) {
  /** @type {number[]} */
  const sent = []

  /**
   * @param {string} chat
   * @param {string} text
   */
  async function send (chat, text) {
    const client = session.client
    if (session.state !== 'ready' || !client) throw new Problem(503, 'not_ready', 'WhatsApp is not connected', { 'retry-after': '10' })
    const now = Date.now()
    while (sent.length && sent[0] < now - 60_000) sent.shift()
    if (sent.length >= settings.sendPerMinute) {
      throw new Problem(429, 'too_many', 'this account has sent enough for a minute', { 'retry-after': String(Math.ceil((sent[0] + 60_000 - now) / 1000)) })
    }
    // Counted before it is sent: requests that wait for the page at the same time count, too.
    sent.push(now)
    const isKnown = !chat.endsWith('@c.us') || await within(settings.callTimeoutMs, client.getNumberId(chat), SLOW).catch((error) => {
      log.warn({ reason: String(error) }, 'number_not_looked_up')
      throw new Problem(503, 'not_ready', 'WhatsApp Web does not answer', { 'retry-after': '10' })
    })
    if (!isKnown) throw new Problem(422, 'number_not_on_whatsapp', 'this number is not on WhatsApp')
    // Sending marks the chat as read by default; only an answer of a person or an agent should. Without waiting for the server
    // a text that is only in the page would count as sent.
    const message = await client.sendMessage(chat, text, { sendSeen: false, waitUntilMsgSent: true })
    if (!message) throw new Problem(502, 'not_sent', 'WhatsApp Web did not take the message')
    return messageId(/** @type {any} */ (message.id))
  }

  /** @type {Record<string, (request: http.IncomingMessage) => Promise<[number, object]>>} */
  const routes = {
    'GET /health': async () => [200, { status: 'ok' }],
    'GET /status': async () => [200, {
      state: session.state,
      qr: session.qr,
      me: session.me,
      since: session.since.toISOString(),
      reason: session.reason,
      spooled: delivery.waiting,
      refused: spool.refused
    }],
    'GET /qr': async () => {
      if (!session.qr) throw new Problem(404, 'no_qr', 'there is no code to scan at the moment')
      return [200, { qr: session.qr }]
    },
    'POST /messages': async (request) => {
      const { chat_id: chat, text } = await readJson(request)
      if (typeof chat !== 'string' || !/^\d[\d-]*@(c\.us|lid|g\.us)$/.test(chat)) throw new Problem(422, 'invalid_input', 'chat_id: must be an id such as 15550100@c.us')
      if (typeof text !== 'string' || !text.trim() || [...text].length > MAX_CHARACTERS) throw new Problem(422, 'invalid_input', `text: must be a text of at most ${MAX_CHARACTERS} characters`)
      const key = String(request.headers['idempotency-key'] ?? '').trim() || randomUUID()
      const id = await sends.once(key, JSON.stringify([chat, text]), () => send(chat, text)).catch((error) => {
        if (error instanceof OtherContent) throw new Problem(409, 'conflict', 'this key was used for another text or chat')
        if (!(error instanceof UnknownOutcome)) throw error
        log.warn({ reason: String(error.cause ?? 'this process ended while it was sending') }, 'send_unclear')
        throw new Problem(504, 'unknown_outcome', 'WhatsApp did not confirm; the message may have been sent')
      })
      return [201, { message_id: id }]
    },
    'GET /messages/': async (request) => {
      const found = await sends.find(unescaped(path(request).slice('/messages/'.length)))
      return [200, found ?? { state: 'not_sent' }]
    }
  }

  return http.createServer(async (request, response) => {
    const route = `${request.method} ${path(request).replace(/^(\/messages\/).+$/, '$1')}`
    try {
      if (!(route in routes)) throw new Problem(404, 'not_found', 'there is nothing at this address')
      if (route !== 'GET /health') checkToken(request, settings.token)
      const [status, document] = await routes[route](request)
      answer(response, status, document)
    } catch (error) {
      const problem = error instanceof Problem ? error : new Problem(500, 'error', 'something went wrong here; it has been logged')
      if (problem !== error) log.error({ route, reason: String(error) }, 'request_failed')
      for (const [name, value] of Object.entries(problem.headers)) response.setHeader(name, value)
      answer(response, problem.status, { title: problem.code, status: problem.status, code: problem.code, detail: problem.message })
    }
  })
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
 * @returns {Promise<any>}
 */
async function readJson (request) {
  const parts = []
  let size = 0
  for await (const part of request) {
    size += part.length
    if (size > MAX_BODY) throw new Problem(413, 'body_too_large', 'the body is too large')
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
 * @param {object} document
 */
function answer (response, status, document) {
  const type = status >= 400 ? 'application/problem+json' : 'application/json'
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(JSON.stringify(document))
}
