import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Intake } from '../src/intake.js'
import { settings, shape, silent } from './support.js'

/** @param {Partial<import('../src/settings.js').Settings>} [changes] */
function stage (changes) {
  /** @type {any[]} */
  const accepted = []
  /** @type {any[]} */
  const kept = []
  /** @type {string[]} */
  const dropped = []
  const intake = new Intake({
    settings: settings({ callTimeoutMs: 30, ...changes }),
    delivery: {
      keep: async (chat, payload) => { kept.push(payload); return String(kept.length) },
      complete: async (name, chat, payload) => { kept[Number(name) - 1] = payload },
      deliver: (name) => { accepted.push(kept[Number(name) - 1]) },
      drop: async (name) => { dropped.push(name) }
    },
    criticalGroups: async () => ['suppliers', 'grosse kunden'],
    log: silent
  })
  return { intake, accepted, kept, dropped }
}

/** @param {string} name */
const client = (name) => /** @type {any} */ ({
  getChatById: async () => ({ name, fetchMessages: async () => [] }),
  getContactById: async () => ({ name: 'Ada' }),
  getContactLidAndPhone: async () => [{}]
})

test('a message that the library fires twice is taken once', async () => {
  const { intake, accepted } = stage()
  await Promise.all([intake.take(shape('chat'), client('Ada')), intake.take(shape('chat'), client('Ada'))])
  assert.equal(accepted.length, 1)
})

test('a page that does not answer costs the history, not the message', async () => {
  const { intake, accepted } = stage()
  const stuck = /** @type {any} */ ({ getChatById: () => new Promise(() => {}), getContactById: () => Promise.reject(new Error('gone')) })
  await intake.take(shape('chat'), stuck)
  assert.equal(accepted[0].current_message, 'ok')
  assert.deepEqual(accepted[0].history, [])
})

test('of groups only the critical ones are captured by default', async () => {
  const { intake, accepted } = stage()
  await intake.take(shape('group'), client('Football'))
  await intake.take(shape('group_participant_object'), client('Suppliers'))
  assert.deepEqual(accepted.map((payload) => payload.chat_name), ['Suppliers'])
})

test('a message is on disk before the page is asked about it', async () => {
  const { intake, kept, accepted } = stage()
  const asked = client('Ada')
  asked.getChatById = async () => { assert.equal(kept.length, 1); return undefined }
  await intake.take(shape('chat'), asked)
  assert.equal(kept[0].current_message, 'ok')
  assert.equal(accepted.length, 1)
})

test('a group whose name the page does not tell is kept', async () => {
  const { intake, accepted } = stage()
  await intake.take(shape('group'), /** @type {any} */ ({ getChatById: () => Promise.reject(new Error('gone')), getContactById: async () => ({}) }))
  assert.equal(accepted.length, 1)
})

test('an ordinary group leaves nothing on disk', async () => {
  const { intake, kept, dropped } = stage()
  await intake.take(shape('group'), client('Football'))
  assert.equal(kept.length, 1)
  assert.equal(dropped.length, 1)
})

test('a name is the same name to both languages', async () => {
  const { intake, accepted } = stage()
  await intake.take(shape('group'), client('Große Kunden'))
  assert.equal(accepted.length, 1)
})

test('what we wrote ourselves belongs to the chat that we wrote to', async () => {
  const { intake, accepted } = stage({ captureOwn: true })
  await intake.take(shape('from_me'), client('Ada'))
  assert.equal(accepted[0].from_me, true)
  assert.equal(accepted[0].phone_number, '+15551112222')
  assert.equal(accepted[0].sender_id, '15551112222@c.us')
})

test('all groups are captured where that is set', async () => {
  const { intake, accepted } = stage({ groups: 'all' })
  await intake.take(shape('group'), client('Football'))
  assert.equal(accepted.length, 1)
})

test('a number on the ignore list is not captured', async () => {
  const { intake, accepted } = stage({ ignoreNumbers: ['15551112222'] })
  await intake.take(shape('chat'), client('Ada'))
  assert.equal(accepted.length, 0)
})

test('messages of one chat are kept in the order in which they came', async () => {
  const { intake, accepted } = stage()
  let first = true
  const uneven = client('Ada')
  uneven.getChatById = async () => {
    if (first) {
      first = false
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
    }
    return undefined
  }
  await Promise.all(['1', '2', '3'].map((id) => intake.take(shape('chat', { id: { fromMe: false, remote: '15551112222@c.us', id }, body: id }), uneven)))
  assert.deepEqual(accepted.map((payload) => payload.current_message), ['1', '2', '3'])
})

test('a message whose surroundings make no sense is delivered without them', async () => {
  const { intake, accepted } = stage()
  const odd = client('Ada')
  odd.getChatById = async () => ({ name: 'Ada', fetchMessages: async () => [{ ...shape('chat'), id: undefined }] })
  await intake.take(shape('chat'), odd)
  assert.deepEqual(accepted.map((payload) => [payload.current_message, payload.history.length]), [['ok', 0]])
})

test('what a restart finds on disk goes through the same filter', async () => {
  const { intake, accepted, kept, dropped } = stage()
  const entry = (/** @type {string} */ chatName) => {
    kept.push({ message_id: chatName, chat_name: chatName, sender_id: '7@c.us', phone_number: null, history: [] })
    return { name: String(kept.length), chat: '1@g.us', payload: kept.at(-1) }
  }
  await intake.resume([entry('Football'), entry('Suppliers'), entry('7@c.us')])
  await intake.idle()
  assert.deepEqual(accepted.map((payload) => payload.message_id), ['Suppliers', '7@c.us'])
  assert.deepEqual(dropped, ['1'])
})
