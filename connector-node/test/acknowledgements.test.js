import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { test } from 'node:test'
import { Acknowledgements } from '../src/acknowledgements.js'
import { Sends } from '../src/sends.js'
import { settings, silent, temporary } from './support.js'

const CHAT = '15550100111@c.us'
const ID = `true_${CHAT}_A`
const wanted = { chat: CHAT, text: 'hello' }
const message = { id: { _serialized: ID, remote: CHAT }, fromMe: true, body: 'hello', hasMedia: false, timestamp: Date.now() / 1000 }

function stage () {
  /** @type {any[]} */
  const told = []
  const sends = new Sends(temporary())
  const acks = new Acknowledgements(settings(), sends, { add: async ({ body }) => { told.push([body.state, body.message_id, body.channel_key]) } }, silent)
  return { told, sends, acks }
}

test('what became of a message of ours is told once, and only forward', async () => {
  const { told, sends, acks } = stage()
  await sends.once('k', wanted, async () => ID, async () => [])
  for (const ack of [0, 1, 2, 2, 1, 3]) await acks.report(message, ack)
  assert.deepEqual(told, [['sent', ID, 'k'], ['delivered', ID, 'k'], ['read', ID, 'k']])
})

test('what somebody typed on the phone is not told of', async () => {
  const { told, acks } = stage()
  await acks.report(message, 2)
  assert.deepEqual(told, [])
})

test('an acknowledgement that is faster than the answer finds its key', async () => {
  const { told, sends, acks } = stage()
  const page = new EventEmitter()
  const begun = once(page, 'begun')
  const confirmed = once(page, 'confirmed').then(([id]) => id)
  const sending = sends.once('k', { ...wanted, text: 'other words than are shown' }, () => { page.emit('begun'); return confirmed }, async () => [])
  const reporting = acks.report(message, 4)
  await begun
  page.emit('confirmed', ID)
  await Promise.all([sending, reporting])
  assert.deepEqual(told, [['read', ID, 'k']])
})

test('what happened meanwhile is asked for', async () => {
  const { told, sends, acks } = stage()
  await sends.once('k', wanted, async () => ID, async () => [])
  await acks.catchUp({ pupPage: { evaluate: async () => [[ID, 3]] } })
  await acks.catchUp({ pupPage: { evaluate: async () => assert.fail('nothing is open any more') } })
  assert.deepEqual(told, [['read', ID, 'k']])
})
