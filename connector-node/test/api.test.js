import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { createApi } from '../src/api.js'
import { Sender } from '../src/sender.js'
import { Sends } from '../src/sends.js'
import { argumentsOf, loadSettings } from '../src/settings.js'
import { metrics, settings, silent, temporary } from './support.js'

/** @type {any[]} */
const sent = []
const session = /** @type {any} */ ({
  state: 'WORKING',
  qr: null,
  pairingCode: null,
  me: '+15550100999',
  since: new Date(0),
  reason: null,
  history: [],
  client: {
    getNumberId: async (/** @type {string} */ chat) => chat.startsWith('15550100') ? {} : null,
    sendMessage: async (/** @type {string} */ chat, /** @type {string} */ text, /** @type {object} */ options) => { sent.push([chat, text, options]); return { id: { _serialized: 'true_x_1' } } }
  }
})
const configured = settings({ sendPerMinute: 2 })
const sends = new Sends(temporary())
const sender = new Sender(configured, { session, sends, metrics, log: silent })
const server = createApi(configured, { session, sender, status: () => ({ spooled: 3, refused: 1 }), metrics, log: silent })
let url = ''

/**
 * @param {string} path
 * @param {{ token?: string, body?: unknown }} [request]
 */
async function call (path, { token = configured.token, body } = {}) {
  const response = await fetch(url + path, {
    method: body === undefined ? 'GET' : 'POST',
    body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
    headers: { authorization: `Bearer ${token}` }
  })
  return { status: response.status, document: /** @type {any} */ (await response.json()), headers: response.headers }
}

describe('the connector\'s API', () => {
  before(async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    url = `http://127.0.0.1:${/** @type {any} */ (server.address()).port}`
  })
  after(() => { server.close(); server.closeAllConnections() })

  test('without the token only the health is told', async () => {
    assert.equal((await call('/health', { token: 'wrong' })).status, 200)
    for (const path of ['/status', '/qr']) assert.equal((await call(path, { token: 'wrong' })).status, 401)
    assert.equal((await call('/messages', { token: '', body: {} })).status, 401)
  })

  test('the status tells state, account and what waits', async () => {
    const { document } = await call('/status')
    assert.deepEqual(document, {
      account: 'main', state: 'WORKING', qr: null, pairing_code: null, me: '+15550100999', since: '1970-01-01T00:00:00.000Z', reason: null, history: [], spooled: 3, refused: 1
    })
  })

  test('a text is sent without marking the chat as read', async () => {
    const { status, document } = await call('/messages', { body: { chat_id: '15550100111@c.us', text: 'hi' } })
    assert.equal(status, 201)
    assert.equal(document.message_id, 'true_x_1')
    assert.deepEqual(sent.at(-1), ['15550100111@c.us', 'hi', { sendSeen: false, waitUntilMsgSent: true }])
  })

  test('bad input, unknown numbers and floods get clear errors', async () => {
    assert.equal((await call('/messages', { body: 'not json' })).document.code, 'not_json')
    assert.equal((await call('/messages', { body: { chat_id: 'x', text: 'hi' } })).document.code, 'invalid_input')
    assert.equal((await call('/messages', { body: { chat_id: '15550100111@c.us', text: ' ' } })).document.code, 'invalid_input')
    assert.equal((await call('/messages', { body: { chat_id: '4477@c.us', text: 'hi' } })).document.code, 'number_not_on_whatsapp')
    await call('/messages', { body: { chat_id: '15550100111@c.us', text: 'second' } })
    const { status, headers } = await call('/messages', { body: { chat_id: '15550100111@c.us', text: 'third' } })
    assert.equal(status, 429)
    assert.ok(Number(headers.get('retry-after')) > 0)
  })
})

test('the log levels are those of the backend', () => {
  const secrets = { WEBHOOK_SECRET: 'x', CONNECTOR_TOKEN: 'y' }
  assert.equal(loadSettings({ ...secrets, LOG_LEVEL: 'warning' }).logLevel, 'warn')
  assert.throws(() => loadSettings({ ...secrets, LOG_LEVEL: 'loud' }), /LOG_LEVEL: must be one of debug, info, warning, error/)
})

test('a missing secret and a bad value are named and not shown', () => {
  assert.throws(() => loadSettings({}), /WEBHOOK_SECRET, CONNECTOR_TOKEN: must be set/)
  assert.throws(() => loadSettings({ WEBHOOK_SECRET: 'x', CONNECTOR_TOKEN: 'y', WA_HISTORY_LIMIT: 'hunter2' }), (error) => {
    assert.match(String(error), /WA_HISTORY_LIMIT: must be a whole number/)
    assert.doesNotMatch(String(error), /hunter2/)
    return true
  })
})

test('arguments for the browser may hold blanks and commas', () => {
  const rules = '--host-resolver-rules=MAP web.whatsapp.com:443 127.0.0.1:1,MAP * ~NOTFOUND,EXCLUDE 127.0.0.1'
  const expected = [rules, '--ignore-certificate-errors']
  for (const text of [expected.join(' '), expected.join('|'), expected.join('\n'), JSON.stringify(expected), expected.map((part) => `"${part}"`).join(' '), `--host-resolver-rules="${rules.slice(22)}" ${expected[1]}`]) {
    assert.deepEqual(argumentsOf(text), expected)
  }
  assert.deepEqual(argumentsOf(undefined), [])
  assert.throws(() => argumentsOf('no-dashes'), /WA_CHROMIUM_ARGS/)
})

test('each account has its secret, its port and its place on disk', () => {
  const environment = { WEBHOOK_SECRET: 'x', CONNECTOR_TOKEN: 'y', EXTRA_ACCOUNTS: 'shop=a=b, clinic=c', CONNECTOR_PORT: '9000' }
  const of = (/** @type {string} */ account) => {
    const { webhookSecret, port, dataDir } = loadSettings({ ...environment, WA_ACCOUNT: account, VAR_DIR: '/data' })
    return [webhookSecret, port, dataDir]
  }
  assert.deepEqual(['', 'shop', 'clinic'].map(of), [['x', 9000, '/data/connector/main'], ['a=b', 9001, '/data/connector/shop'], ['c', 9002, '/data/connector/clinic']])
  assert.throws(() => of('bakery'), /WA_ACCOUNT/)
})
