import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { Delivery } from '../src/delivery.js'
import { Spool } from '../src/spool.js'
import { metrics, settings, silent } from './support.js'

const { webhookSecret: secret } = settings()

/**
 * @param {Delivery} delivery
 * @param {string} chat
 * @param {import('../src/capture.js').Payload} message
 */
const accept = (delivery, chat, message) => delivery.add(entry(chat, message))

/**
 * @param {Delivery} delivery
 */
const resume = async (delivery) => { for (const { name, chat } of await delivery.leftBehind()) delivery.deliver(name, chat) }

/**
 * @param {string} chat
 * @param {import('../src/capture.js').Payload} body
 */
const entry = (chat, body) => ({ kind: /** @type {const} */ ('message'), chat, body })

/** @param {string} id */
const payload = (id) => ({ message_id: id, chat_time: '2026-11-21T00:00:00Z', chat_name: 'Ada', phone_number: '+15550100111', current_message: 'hello 😀', history: [] })

/**
 * A backend that checks signatures and answers as told, and a delivery to it.
 * @param {(id: string, attempt: number) => number | Promise<number>} answer
 */
async function stage (answer) {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'spool-'))
  /** @type {string[]} */
  const received = []
  const server = http.createServer(async (request, response) => {
    const parts = []
    for await (const part of request) parts.push(part)
    const body = Buffer.concat(parts).toString()
    new Webhook(secret).verify(body, /** @type {any} */ (request.headers))
    const { message_id: id } = JSON.parse(body)
    received.push(id)
    const status = await answer(id, received.filter((other) => other === id).length)
    response.writeHead(status, { 'content-type': 'application/json' }).end('{}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(() => { server.closeAllConnections(); server.close(); rmSync(directory, { recursive: true, force: true }) })
  const { port } = /** @type {any} */ (server.address())
  const make = () => {
    const spool = new Spool(directory)
    return { spool, delivery: new Delivery({ spool, backend: { url: `http://127.0.0.1:${port}`, secret }, metrics, log: silent, minTimeoutMs: 5, maxTimeoutMs: 20 }) }
  }
  return { ...make(), make, received, directory }
}

test('a message leaves the disk only after the backend has it', async () => {
  const { delivery, spool, received } = await stage(() => { assert.equal(spool.names().length, 1); return 202 })
  await accept(delivery, 'chat', payload('1'))
  await delivery.idle()
  assert.deepEqual(received, ['1'])
  assert.deepEqual(spool.names(), [])
})

test('a backend that is away gets every message when it is back, in order', async () => {
  const { delivery, received } = await stage((id, attempt) => id === '1' && attempt < 4 ? 503 : 202)
  for (const id of ['1', '2', '3']) await accept(delivery, 'chat', payload(id))
  await delivery.idle()
  assert.deepEqual(received, ['1', '1', '1', '1', '2', '3'])
})

test('what an earlier run left behind is delivered by the next', async () => {
  const { spool, make, received } = await stage(() => 202)
  await spool.add(entry('a', payload('1')))
  await spool.add(entry('a', payload('2')))
  const { delivery } = make()
  await resume(delivery)
  await delivery.idle()
  assert.deepEqual(received, ['1', '2'])
})

test('a message that is refused for good is put aside with the reason and does not block its chat', async () => {
  const { delivery, spool, received, directory } = await stage((id) => id === '1' ? 422 : 202)
  await accept(delivery, 'chat', payload('1'))
  await accept(delivery, 'chat', payload('2'))
  await delivery.idle()
  assert.deepEqual(received, ['1', '2'])
  assert.equal(spool.refused, 1)
  const [name] = readdirSync(path.join(directory, 'refused'))
  const kept = JSON.parse(readFileSync(path.join(directory, 'refused', name), 'utf8'))
  assert.match(kept.reason, /422/)
  assert.equal(kept.entry.body.message_id, '1')
})

test('a wrong secret is no reason to give a message up', async () => {
  const { delivery, spool, received } = await stage((id, attempt) => attempt < 3 ? 401 : 202)
  await accept(delivery, 'chat', payload('1'))
  await delivery.idle()
  assert.equal(received.length, 3)
  assert.equal(spool.refused, 0)
})

test('a slow chat does not hold up another', async () => {
  /** @type {(status: number) => void} */
  let release = () => {}
  /** @type {() => void} */
  let arrived = () => {}
  const fast = new Promise((resolve) => { arrived = () => resolve(undefined) })
  const { delivery, received } = await stage((id) => {
    if (id === 'slow') return new Promise((resolve) => { release = resolve })
    arrived()
    return 202
  })
  await accept(delivery, 'one', payload('slow'))
  await accept(delivery, 'other', payload('fast'))
  await fast
  assert.ok(received.includes('fast'))
  assert.equal(delivery.waiting >= 1, true)
  release(202)
  await delivery.idle()
})

test('entries that keep failing do not take the places of others', async () => {
  const { delivery, received } = await stage((id) => id.startsWith('bad') && !received.includes('good') ? 500 : 202)
  for (let n = 0; n < 20; n++) await accept(delivery, `bad ${n}`, payload(`bad ${n}`))
  await accept(delivery, 'good', payload('good'))
  await delivery.idle()
  assert.ok(received.includes('good'))
})

test('a disk that fails for a moment does not stop its chat', async () => {
  const { delivery, spool, received } = await stage(() => 202)
  const read = spool.read.bind(spool)
  let failures = 2
  spool.read = async (name) => {
    if (failures-- > 0) throw new Error('EIO')
    return read(name)
  }
  await accept(delivery, 'a', payload('1'))
  await accept(delivery, 'a', payload('2'))
  await delivery.idle()
  assert.deepEqual(received, ['1', '2'])
})

test('a file that somebody removed does not stop its chat', async () => {
  const { delivery, spool, received } = await stage(() => 202)
  const gone = await delivery.keep(entry('a', payload('1')))
  await spool.remove(gone)
  delivery.deliver(gone, 'a')
  await accept(delivery, 'a', payload('2'))
  await delivery.idle()
  assert.deepEqual(received, ['2'])
})

test('a file that cannot be read does not stop the others', async () => {
  const { spool, make, received, directory } = await stage(() => 202)
  writeFileSync(path.join(directory, '00000000000000001.json'), '{"half')
  await spool.add(entry('a', payload('1')))
  const { delivery } = make()
  await resume(delivery)
  await delivery.idle()
  assert.deepEqual(received, ['1'])
  assert.equal(spool.refused, 1)
})
