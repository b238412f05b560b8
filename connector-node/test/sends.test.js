import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import { OtherContent, Sends, UnknownOutcome } from '../src/sends.js'
import { temporary } from './support.js'

const CHAT = '15550100111@c.us'
const wanted = { chat: CHAT, text: 'until six' }
const nothing = async () => []

/**
 * @param {string} id
 * @param {string} [body]
 * @param {string} [chat]
 */
const shown = (id, body = wanted.text, chat = CHAT) => /** @type {any} */ ({ id: { _serialized: id, remote: chat }, body, fromMe: true, hasMedia: false, timestamp: Math.floor(Date.now() / 1000) })

/** @param {string} directory */
const heirOf = async (directory) => {
  const sends = new Sends(directory)
  await sends.tidy()
  return sends
}

/** @param {string} directory */
async function cutOff (directory) {
  let begun = () => {}
  const sending = new Promise((resolve) => { begun = () => resolve(undefined) })
  new Sends(directory, 10).once('k', wanted, () => { begun(); return new Promise(() => {}) }, nothing).catch(() => {})
  await sending
  return heirOf(directory)
}

describe('sends by key', () => {
  test('the same key sends once, at the same moment and later', async () => {
    const sends = new Sends(temporary())
    let count = 0
    const send = async () => `id-${++count}`
    assert.deepEqual(await Promise.all([sends.once('k', wanted, send, nothing), sends.once('k', wanted, send, nothing)]), ['id-1', 'id-1'])
    assert.equal(await sends.once('k', wanted, send, nothing), 'id-1')
    assert.equal(await sends.once('other', wanted, send, nothing), 'id-2')
  })

  test('after a restart it is still known', async () => {
    const directory = temporary()
    await new Sends(directory).once('k', wanted, async () => 'id-1', nothing)
    const heir = await heirOf(directory)
    assert.deepEqual(await heir.find('k', nothing), { state: 'sent', message_id: 'id-1' })
    assert.deepEqual(await heir.find('other', nothing), { state: 'not_sent' })
  })

  test('what was being sent when the process died is looked for in its chat before it is sent again', async () => {
    const directory = temporary()
    const heir = await cutOff(directory)
    assert.equal(await heir.once('k', wanted, async () => 'id-2', async () => [shown('other', 'something else'), shown('id-1')]), 'id-1')
    assert.deepEqual(await heir.find('k', nothing), { state: 'sent', message_id: 'id-1' })
  })

  test('what is not in its chat is sent', async () => {
    const heir = await cutOff(temporary())
    assert.deepEqual(await heir.find('k', nothing), { state: 'not_sent' })
    assert.equal(await heir.once('k', wanted, async () => 'id-2', nothing), 'id-2')
  })

  test('while the chat cannot be looked at, nobody knows, and nothing is sent', async () => {
    const heir = await cutOff(temporary())
    const look = async () => { throw new Error('not connected') }
    assert.deepEqual(await heir.find('k', look), { state: 'unknown' })
    await assert.rejects(heir.once('k', wanted, async () => 'id-2', look), UnknownOutcome)
  })

  test('what certainly did not leave may be tried again under its key', async () => {
    const sends = new Sends(temporary())
    await assert.rejects(sends.once('k', wanted, async () => { throw Object.assign(new Error('refused'), { notSent: true }) }, nothing))
    assert.deepEqual(await sends.find('k', nothing), { state: 'not_sent' })
    assert.equal(await sends.once('k', wanted, async () => 'id-1', nothing), 'id-1')
  })

  test('a confirmation that comes late is kept', async () => {
    const directory = temporary()
    const sends = new Sends(directory, 10)
    let confirm = (/** @type {string} */ _) => {}
    const look = async () => { throw new Error('the page is busy') }
    await assert.rejects(sends.once('k', wanted, () => new Promise((resolve) => { confirm = resolve }), look), UnknownOutcome)
    assert.deepEqual(await sends.find('k', look), { state: 'unknown' })
    confirm('id-1')
    await sends.idle()
    assert.deepEqual(await sends.find('k', look), { state: 'sent', message_id: 'id-1' })
    assert.equal(await (await heirOf(directory)).recognise(shown('id-1')), 'k')
  })

  test('an echo that comes before the answer is known by its words, once', async () => {
    const sends = new Sends(temporary())
    const page = new EventEmitter()
    const confirmed = once(page, 'confirmed').then(([id]) => id)
    const begun = once(page, 'begun')
    const sending = sends.once('k', wanted, () => { page.emit('begun'); return confirmed }, nothing)
    assert.equal(await sends.recognise(shown('id-0', 'another text')), undefined)
    await begun
    assert.equal(await sends.recognise(shown('id-0', wanted.text, '122999491567856@lid')), undefined, 'the same words in another chat')
    await sends.alias('k', '122999491567856@lid')
    assert.equal(await sends.recognise(shown('id-1', wanted.text, '122999491567856@lid')), 'k')
    assert.equal(await sends.recognise(shown('id-2')), undefined)
    page.emit('confirmed', 'id-1')
    assert.equal(await sending, 'id-1')
  })

  test('a record that cannot be read may be that of a message that has left', async () => {
    const directory = temporary()
    await new Sends(directory).once('k', wanted, async () => 'id-1', nothing)
    writeFileSync(path.join(directory, readdirSync(directory)[0]), '{"key": "k", "sta')
    const heir = await heirOf(directory)
    await assert.rejects(heir.once('k', wanted, async () => 'id-2', nothing), UnknownOutcome)
  })

  test('a key is good for one text', async () => {
    const sends = new Sends(temporary())
    const sending = sends.once('k', wanted, async () => 'id-1', nothing)
    await assert.rejects(sends.once('k', { ...wanted, text: 'two' }, async () => 'id-2', nothing), OtherContent)
    await sending
    await assert.rejects(sends.once('k', { ...wanted, text: 'two' }, async () => 'id-2', nothing), OtherContent)
    assert.equal(await sends.once('k', wanted, async () => 'id-3', nothing), 'id-1')
  })
})
