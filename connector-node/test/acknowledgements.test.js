import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { Acknowledgements } from '../src/acknowledgements.js'
import { settings, silent } from './support.js'

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
  const acks = new Acknowledgements(settings({ backendUrl: `http://127.0.0.1:${/** @type {any} */ (server.address()).port}` }), silent)
  const message = { id: { _serialized: 'true_15550100111@c.us_A' } }
  await acks.report(message, 0)
  await acks.report(message, 2)
  await acks.report(message, 4)
  assert.deepEqual(told, [
    { state: 'delivered', message_id: 'true_15550100111@c.us_A' },
    { state: 'read', message_id: 'true_15550100111@c.us_A' }
  ])
  server.close()
  server.closeAllConnections()
})
