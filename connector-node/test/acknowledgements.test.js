import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import http from 'node:http'
import { test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { Acknowledgements } from '../src/acknowledgements.js'
import { Sends } from '../src/sends.js'
import { settings, silent, temporary } from './support.js'

test('what became of a message is told, signed, and again where the backend is away', async () => {
  /** @type {any[]} */
  const told = []
  let failures = 1
  const server = http.createServer(async (request, response) => {
    const body = (await request.toArray()).join('')
    if (failures-- > 0) return response.writeHead(503).end()
    told.push(new Webhook(settings().webhookSecret).verify(body, /** @type {any} */ (request.headers)))
    response.end('{}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sends = new Sends(temporary())
  const acks = new Acknowledgements(settings({ backendUrl: `http://127.0.0.1:${/** @type {any} */ (server.address()).port}` }), sends, silent)
  const message = { id: { _serialized: 'true_15550100111@c.us_A' } }
  await acks.report(message, 0)
  await acks.report(message, 2)
  // The page tells of a message while its sender still waits for the id.
  const page = new EventEmitter()
  const confirmed = once(page, 'confirmed').then(([id]) => id)
  const sending = sends.once('k', 'c', () => confirmed)
  const reporting = acks.report(message, 4)
  page.emit('confirmed', message.id._serialized)
  await Promise.all([sending, reporting])
  assert.deepEqual(told, [
    { state: 'delivered', message_id: 'true_15550100111@c.us_A' },
    { state: 'read', message_id: 'true_15550100111@c.us_A', channel_key: 'k' }
  ])
  server.close()
  server.closeAllConnections()
})
