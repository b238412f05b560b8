import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { OtherContent, Sends, UnknownOutcome } from '../src/sends.js'
import { temporary } from './support.js'

describe('sends by key', () => {
  test('the same key sends once, at the same moment and later', async () => {
    const sends = new Sends(temporary())
    let count = 0
    const send = async () => `id-${++count}`
    assert.deepEqual(await Promise.all([sends.once('k', 'c', send), sends.once('k', 'c', send)]), ['id-1', 'id-1'])
    assert.equal(await sends.once('k', 'c', send), 'id-1')
    assert.equal(await sends.once('other', 'c', send), 'id-2')
  })

  test('after a restart it is still known', async () => {
    const directory = temporary()
    await new Sends(directory).once('k', 'c', async () => 'id-1')
    assert.deepEqual(await new Sends(directory).find('k'), { state: 'sent', message_id: 'id-1' })
    assert.equal(await new Sends(directory).find('other'), null)
  })

  test('what was being sent when the process died is of unknown outcome, and is not sent again', async () => {
    const directory = temporary()
    new Sends(directory).once('k', 'c', () => new Promise(() => {})).catch(() => {})
    const heir = new Sends(directory)
    while (!await heir.find('k')) await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(await heir.find('k'), { state: 'unknown' })
    await assert.rejects(heir.once('k', 'c', async () => 'id-2'), UnknownOutcome)
  })

  test('what certainly did not leave may be tried again under its key', async () => {
    const sends = new Sends(temporary())
    await assert.rejects(sends.once('k', 'c', async () => { throw Object.assign(new Error('refused'), { notSent: true }) }))
    assert.equal(await sends.find('k'), null)
    assert.equal(await sends.once('k', 'c', async () => 'id-1'), 'id-1')
  })

  test('what may have left is of unknown outcome', async () => {
    const sends = new Sends(temporary())
    await assert.rejects(sends.once('k', 'c', async () => { throw new Error('the page has crashed') }), UnknownOutcome)
    assert.deepEqual(await sends.find('k'), { state: 'unknown' })
  })

  test('a confirmation that comes late is kept', async () => {
    const directory = temporary()
    const sends = new Sends(directory, 10)
    let confirm = (/** @type {string} */ _) => {}
    await assert.rejects(sends.once('k', 'c', () => new Promise((resolve) => { confirm = resolve })), UnknownOutcome)
    assert.deepEqual(await sends.find('k'), { state: 'unknown' })
    confirm('id-1')
    await sends.idle()
    assert.deepEqual(await sends.find('k'), { state: 'sent', message_id: 'id-1' })
    const heir = new Sends(directory)
    await heir.tidy()
    assert.deepEqual([sends.keyOf('id-1'), heir.keyOf('id-1'), heir.keyOf('other')], ['k', 'k', undefined])
  })

  test('a key is good for one text', async () => {
    const sends = new Sends(temporary())
    const sending = sends.once('k', 'one', async () => 'id-1')
    await assert.rejects(sends.once('k', 'two', async () => 'id-2'), OtherContent)
    await sending
    await assert.rejects(sends.once('k', 'two', async () => 'id-2'), OtherContent)
    assert.equal(await sends.once('k', 'one', async () => 'id-3'), 'id-1')
  })
})
