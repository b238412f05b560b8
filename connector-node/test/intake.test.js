import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cursors } from '../src/cursors.js'
import { Intake } from '../src/intake.js'
import { metrics, settings, shape, silent, temporary } from './support.js'

/**
 * An intake before a spool in memory, on which nothing is missed unless the test says so.
 * @param {Partial<import('../src/settings.js').Settings>} [changes]
 * @param {{ missed?: () => any, ours?: string, spool?: Map<string, any> }} [world]
 */
function stage (changes, { missed = () => ({ earlier: [], messages: [] }), ours, spool = new Map() } = {}) {
  /** @type {any[]} */
  const accepted = []
  /** @type {any[]} */
  const kept = []
  /** @type {string[]} */
  const dropped = []
  const keep = async (/** @type {any} */ entry) => {
    const name = String(spool.size + dropped.length + 1).padStart(4, '0')
    kept.push(entry.body)
    spool.set(name, entry)
    return name
  }
  const remove = (/** @type {string} */ name) => { spool.delete(name); dropped.push(name) }
  const cursors = new Cursors(`${temporary()}/cursors.json`, silent)
  const intake = new Intake({
    settings: settings({ callTimeoutMs: 30, ...changes }),
    delivery: {
      keep,
      read: async (name) => spool.get(name),
      complete: async (name, entry) => { spool.set(name, entry) },
      release: async (name, { held: _, ...entry }) => { const later = await keep(entry); remove(name); return later },
      deliver: (name) => { accepted.push(spool.get(name).body); spool.delete(name) },
      drop: async (name) => remove(name)
    },
    cursors,
    missed: async () => missed(),
    isOurs: async (message) => message.body === ours,
    attach: async () => {},
    criticalGroups: async () => ['suppliers', 'grosse kunden'],
    metrics,
    log: silent
  })
  intake.close()
  return { intake, accepted, kept, dropped, spool, cursors }
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
  const { intake, accepted } = stage()
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

/** @param {Map<string, any>} spool */
const leftIn = (spool) => [...spool].map(([name, { kind, chat, held, group, body }]) => ({ name, kind, chat, held, group, id: body.message_id }))

test('what a restart finds on disk goes through the same filter', async () => {
  const { intake, accepted, spool, dropped } = stage()
  for (const group of ['Football', 'Suppliers']) {
    const body = { message_id: group, chat_name: group, sender_id: '7@c.us', phone_number: null, history: [] }
    spool.set(group, { kind: 'message', chat: '1@g.us', group, body })
  }
  intake.resume(leftIn(spool))
  await intake.idle()
  assert.deepEqual(accepted.map((payload) => payload.message_id), ['Suppliers'])
  assert.deepEqual(dropped, ['Football'])
})

test('a group that the page was not asked about before the crash is decided on when it can be asked', async () => {
  const message = shape('group')
  const first = stage({}, { missed: () => new Promise(() => {}) })
  first.intake.take(message, /** @type {any} */ ({ getChatById: () => new Promise(() => {}), getContactById: async () => ({ pushname: 'Ada' }) }))
  await new Promise((resolve) => setImmediate(resolve))
  const { intake, accepted, spool } = stage({}, { missed: () => ({ earlier: [], messages: [message] }), spool: first.spool })
  intake.open()
  intake.resume(leftIn(spool))
  await intake.idle()
  assert.deepEqual([accepted.length, intake.undecided.length], [0, 1])
  await intake.catchUp(intake.undecided[0], client('Suppliers'))
  assert.equal(accepted.length, 1)
  assert.equal(spool.size, 0)
})

test('a critical group whose page is slow is kept, whatever its sender is called', async () => {
  const { intake, accepted } = stage()
  await intake.take(shape('group'), /** @type {any} */ ({ getChatById: () => new Promise(() => {}), getContactById: async () => ({ pushname: 'Ada' }) }))
  assert.equal(accepted.length, 1)
})

test('what happened to a message stays behind it over a restart', async () => {
  const { intake, accepted, spool } = stage()
  const body = { message_id: 'x', chat_name: 'Ada', sender_id: CHAT, phone_number: null, current_message: 'message', history: [] }
  spool.set('1', { kind: 'message', chat: CHAT, body, held: true })
  spool.set('2', { kind: 'change', chat: CHAT, body: { message_id: 'x', current_message: 'its change' } })
  intake.open()
  intake.resume(leftIn(spool))
  await intake.idle()
  assert.deepEqual(accepted, [])
  intake.release()
  await intake.idle()
  assert.deepEqual(said(accepted), ['message', 'its change'])
})

test('changes go through the same filter as messages', async () => {
  const { intake, accepted, spool } = stage({ ignoreNumbers: ['15550100122'] })
  const change = (/** @type {string} */ id) => ({ message_id: id, change: /** @type {const} */ ('edited'), at: '2026-11-21T10:00:00Z', text: 'x' })
  await intake.change('1@g.us', change('football'), client('Football'))
  await intake.change('1@g.us', change('suppliers'), client('Suppliers'))
  await intake.change('15550100122@c.us', change('ignored'))
  await intake.change('status@broadcast', change('status'))
  await intake.change(CHAT, change('wanted'))
  assert.deepEqual(accepted.map(({ message_id: id }) => id), ['suppliers', 'wanted'])
  assert.equal(spool.size, 0)
})

test('what is not decrypted is not passed over', async () => {
  const now = Date.now() / 1000
  const young = { ...written('young', now), type: 'ciphertext', body: '' }
  const chat = [young, written('after it', now)]
  const { intake, accepted, cursors } = stage({}, { missed: () => ({ earlier: [], messages: chat }) })
  intake.open()
  await intake.catchUp(CHAT, client('Ada'))
  assert.deepEqual(said(accepted), ['after it'])
  assert.ok(!cursors.has(CHAT, `false_${CHAT}_young`, now))
  chat[0] = { ...young, timestamp: now - 60 }
  intake.open()
  await intake.catchUp(CHAT, client('Ada'))
  assert.match(accepted[1].current_message, /could not be read/)
  await intake.take(written('young', now - 60), client('Ada'))
  assert.deepEqual([accepted[2].change, accepted[2].text], ['decrypted', 'young'])
})

test('a message whose event the library lost is found shortly behind a newer one', async () => {
  const lost = written('lost', 1000)
  const { intake, accepted } = stage({}, { missed: () => ({ earlier: [], messages: [lost] }) })
  await intake.take(written('newer', 1300), client('Ada'))
  intake.open()
  await intake.catchUp(CHAT, client('Ada'))
  assert.deepEqual(said(accepted), ['newer', 'lost'])
})

const CHAT = '15551112222@c.us'

/**
 * @param {string} id
 * @param {number} timestamp
 */
const written = (id, timestamp) => shape('chat', { id: { fromMe: false, remote: CHAT, id, _serialized: `false_${CHAT}_${id}` }, body: id, timestamp })

/** @param {any[]} accepted */
const said = (accepted) => accepted.map((payload) => payload.current_message)

test('what was missed comes before what arrives, whichever is heard of first', async () => {
  const both = [written('missed', 10), written('live', 11)]
  const { intake, accepted, cursors } = stage({}, { missed: () => ({ earlier: [], messages: both }) })
  intake.open()
  await intake.take(both[1], client('Ada'))
  assert.deepEqual(said(accepted), ['missed', 'live'])
  assert.ok(cursors.has(CHAT, `false_${CHAT}_live`, 11))
})

test('a look that began before the connection was lost does not count after it', async () => {
  /** @type {any[]} */
  let chat = [written('before', 10)]
  let answer = () => {}
  const asked = new Promise((resolve) => { answer = () => resolve(undefined) })
  let looks = 0
  const { intake, accepted } = stage({}, { missed: async () => { const seen = chat; if (!looks++) await asked; return { earlier: [], messages: seen } } })
  intake.open()
  const first = intake.catchUp(CHAT, client('Ada'))
  await new Promise((resolve) => setImmediate(resolve))
  intake.open()
  chat = [...chat, written('meanwhile', 11)]
  const second = intake.catchUp(CHAT, client('Ada'))
  answer()
  await Promise.all([first, second])
  assert.deepEqual([looks, said(accepted)], [2, ['before', 'meanwhile']])
})

test('a chat that cannot be looked through holds nothing back, and is looked through again', async () => {
  let isBroken = true
  const both = [written('missed', 10), written('live', 11)]
  const missed = () => { if (isBroken) throw new Error('the page is gone'); return { earlier: [], messages: both } }
  const { intake, accepted, cursors } = stage({}, { missed })
  intake.open()
  await intake.take(both[1], client('Ada'))
  assert.deepEqual(said(accepted), ['live'])
  assert.ok(!cursors.has(CHAT, `false_${CHAT}_live`, 11), 'what was missed lies before it')
  isBroken = false
  assert.equal(await intake.catchUp(CHAT, client('Ada')), true)
  assert.deepEqual(said(accepted), ['live', 'missed'])
})

test('a message whose chat was being looked through when the connection broke keeps its place', async () => {
  const both = [written('missed', 10), written('live', 11)]
  let looks = 0
  const world = stage({}, { missed: () => { if (looks++) return { earlier: [], messages: both }; world.intake.open(); throw new Error('the browser has ended') } })
  const { intake, accepted, spool } = world
  intake.open()
  await intake.take(both[1], client('Ada'))
  assert.deepEqual(said(accepted), [])
  assert.equal(spool.size, 1, 'it is on disk')
  assert.deepEqual(intake.undecided, [CHAT])
  await intake.take(written('later', 12), client('Ada'))
  assert.deepEqual(said(accepted), ['missed', 'live', 'later'])
  assert.deepEqual(intake.undecided, [])
  assert.equal(spool.size, 0)
})

test('a message that was taken in before the connection broke asks nobody, and spoils nothing for the next one', async () => {
  let looks = 0
  let answer = () => {}
  const slow = { ...client('Ada'), getChatById: () => new Promise((resolve) => { answer = () => resolve({ name: 'Ada', fetchMessages: async () => [] }) }) }
  const { intake, accepted } = stage({ callTimeoutMs: 5000 }, { missed: () => { looks += 1; return { earlier: [], messages: [written('missed', 12)] } } })
  const taken = [intake.take(written('one', 10), slow), intake.take(written('two', 11), client('Ada'))]
  await new Promise((resolve) => setImmediate(resolve))
  intake.open()
  answer()
  await Promise.all(taken)
  assert.deepEqual([looks, said(accepted)], [0, ['one', 'two']])
  await intake.take(written('three', 13), client('Ada'))
  assert.deepEqual([looks, said(accepted)], [1, ['one', 'two', 'missed', 'three']])
})

test('what waits for a connection that does not come is let go after a while', async ({ mock }) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  const world = stage({}, { missed: () => { world.intake.open(); throw new Error('the browser has ended') } })
  const { intake, accepted } = world
  intake.open()
  await intake.take(written('live', 11), client('Ada'))
  mock.timers.tick(60_000)
  await intake.idle()
  assert.deepEqual(said(accepted), [])
  mock.timers.tick(60_000)
  await intake.idle()
  assert.deepEqual(said(accepted), ['live'])
})

test('what was held back when the process died keeps its place behind what was missed', async () => {
  const both = [written('missed', 10), written('live', 11)]
  const never = new Promise(() => {})
  const first = stage({}, { missed: () => never })
  first.intake.open()
  first.intake.take(both[1], client('Ada'))
  await new Promise((resolve) => setImmediate(resolve))
  const { intake, accepted, spool } = stage({}, { missed: () => ({ earlier: [], messages: both }), spool: first.spool })
  intake.open()
  intake.resume(leftIn(spool))
  await intake.idle()
  assert.deepEqual(accepted, [])
  await intake.catchUp(CHAT, client('Ada'))
  assert.deepEqual(said(accepted), ['missed', 'live'])
  assert.equal(spool.size, 0)
})

test('what was held back is let go where the page does not tell of it any more', async () => {
  const first = stage({}, { missed: () => new Promise(() => {}) })
  first.intake.open()
  first.intake.take(written('live', 11), client('Ada'))
  await new Promise((resolve) => setImmediate(resolve))
  const { intake, accepted, spool } = stage({}, { spool: first.spool })
  intake.open()
  intake.resume(leftIn(spool))
  intake.release()
  await intake.idle()
  assert.deepEqual(said(accepted), ['live'])
})

test('a crash between the new place and the old one does not double a message', async () => {
  const { intake, accepted, spool } = stage()
  const body = { message_id: 'x', chat_name: 'Ada', sender_id: CHAT, phone_number: null, current_message: 'once', history: [] }
  spool.set('1', { kind: 'message', chat: CHAT, body, held: true })
  spool.set('2', { kind: 'message', chat: CHAT, body })
  intake.resume(leftIn(spool))
  await intake.idle()
  assert.deepEqual(said(accepted), ['once'])
  assert.equal(spool.size, 0)
})

test('what was sent from here is not captured when it is heard back', async () => {
  const { intake, accepted, kept } = stage({}, { ours: 'ok' })
  await intake.take(shape('from_me', { body: 'ok' }), client('Ada'))
  await intake.take(shape('from_me', { id: { fromMe: true, remote: CHAT, id: 'B' }, body: 'typed' }), client('Ada'))
  assert.deepEqual(said(accepted), ['typed'])
  assert.equal(kept.length, 1)
})
