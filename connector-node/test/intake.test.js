import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Intake } from '../src/intake.js'
import { settings, shape, silent } from './support.js'

/** @param {Partial<import('../src/settings.js').Settings>} [changes] */
function stage (changes) {
  /** @type {any[]} */
  const accepted = []
  const intake = new Intake({
    settings: settings({ callTimeoutMs: 30, ...changes }),
    delivery: { accept: async (chat, payload) => { accepted.push(payload) } },
    criticalGroups: () => ['suppliers'],
    log: silent
  })
  return { intake, accepted }
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
