import assert from 'node:assert/strict'
import { test } from 'node:test'
import { payloadOf } from '../src/capture.js'
import { messageId, phoneOf } from '../src/identity.js'
import { shape } from './support.js'

const alone = { chat: undefined, contact: undefined, ids: undefined, history: [] }
const twenty = { historyLimit: 20 }

test('the id is the same whichever of its parts are there', () => {
  const key = { fromMe: false, remote: '15550100111@c.us', id: '3EB0' }
  const whole = 'false_15550100111@c.us_3EB0'
  assert.equal(messageId({ ...key, _serialized: whole }), whole)
  assert.equal(messageId({ ...key, $1: whole }), whole)
  assert.equal(messageId(key), whole)
  assert.equal(messageId({ ...key, remote: '1@g.us', participant: { user: '2', server: 'lid' } }), 'false_1@g.us_3EB0_2@lid')
})

test('digits of a LID are never a phone number', () => {
  assert.equal(phoneOf('122999491567856@lid'), null)
  assert.equal(phoneOf('15550100111@c.us'), '+15550100111')
  assert.equal(phoneOf('15550100111:12@s.whatsapp.net'), '+15550100111')
  assert.equal(phoneOf('120363421596195995@g.us'), null)
})

test('a LID sender keeps the LID and gets the phone number that WhatsApp reveals', () => {
  const payload = payloadOf(shape('lid_direct'), { ...alone, ids: { lid: '122999491567856@lid', pn: '15550100122@c.us' } }, twenty)
  assert.equal(payload.sender_id, '122999491567856@lid')
  assert.equal(payload.lid, '122999491567856@lid')
  assert.equal(payload.phone_number, '+15550100122')
})

test('a LID sender without a phone number has none', () => {
  const payload = payloadOf(shape('lid_direct_from_undefined'), alone, twenty)
  assert.equal(payload.phone_number, null)
  assert.equal(payload.sender_id, '122999491567856@lid')
})

test('a group message names the group as chat and the author as sender', () => {
  const payload = payloadOf(shape('group'), { ...alone, chat: { name: 'Suppliers' } }, twenty)
  assert.equal(payload.is_group, true)
  assert.equal(payload.chat_id, '120363421596195995@g.us')
  assert.equal(payload.chat_name, 'Suppliers')
  assert.equal(payload.sender_id, '185336529469528@lid')
})

test('a group message without author takes the participant of its id', () => {
  assert.equal(payloadOf(shape('group_participant_object'), alone, twenty).sender_id, '185336529469528@lid')
})

test('a voice note is marked as one, with its duration', () => {
  const payload = payloadOf(shape('ptt'), alone, twenty)
  assert.deepEqual(payload.media, { kind: 'voice', mimetype: 'audio/ogg; codecs=opus', filename: null, size: 12728, duration_s: 5, status: 'pending' })
  assert.equal(payload.current_message, '')
})

test('a caption is the text of its picture', () => {
  assert.equal(payloadOf(shape('image_with_caption'), alone, twenty).current_message, 'see photo')
})

test('a contact card and a location are told in words', () => {
  assert.equal(payloadOf(shape('vcard'), alone, twenty).current_message, '[contact: A B]')
  assert.equal(payloadOf(shape('location'), alone, twenty).current_message, '[location: Sultanahmet, Istanbul, 41.0082,28.9784]')
})

test('a quoted message goes along', () => {
  const message = shape('chat')
  message.rawData = { quotedMsg: { type: 'chat', body: 'When?' }, quotedStanzaID: '3EB0Q', quotedParticipant: '15550100111@c.us' }
  assert.deepEqual(payloadOf(message, alone, twenty).quoted, { message_id: '3EB0Q', sender: '15550100111@c.us', content: 'When?' })
})

test('the history is oldest first, without the message itself, and not longer than asked', () => {
  const at = (/** @type {string} */ id, /** @type {number} */ timestamp) => shape('chat', { id: { fromMe: false, remote: '15551112222@c.us', id }, timestamp, body: id })
  const message = at('now', 100)
  const history = [at('b', 20), at('a', 10), at('later', 100), message, at('before', 100), at('unseen', 100), at('c', 30), at('after', 101)]
  const order = ['before', 'now', 'later'].map((id) => `false_15551112222@c.us_${id}`)
  const arrival = (/** @type {string} */ id) => order.includes(id) ? order.indexOf(id) : undefined
  const payload = payloadOf(message, { ...alone, history, arrival }, { historyLimit: 3 })
  assert.deepEqual(payload.history.map((/** @type {any} */ item) => item.content), ['b', 'c', 'before'])
})

test('a long name is cut, and never within a character', () => {
  const name = 'x'.repeat(254) + '😀'
  assert.equal(payloadOf(shape('chat'), { ...alone, chat: { name } }, twenty).chat_name, 'x'.repeat(254))
})

test('an endless chat gives up its oldest lines, never the message', () => {
  const at = (/** @type {number} */ n) => shape('chat', { id: { fromMe: false, remote: '15551112222@c.us', id: `o${n}` }, timestamp: n + 1, body: `${n}`.repeat(90_000) })
  const payload = payloadOf(shape('chat', { timestamp: 100 }), { ...alone, history: Array.from({ length: 10 }, (_, n) => at(n)) }, { historyLimit: 20 })
  assert.ok(Buffer.byteLength(JSON.stringify(payload)) < 1_000_000)
  assert.equal(/** @type {any} */ (payload.history.at(-1)).content[0], '9')
  assert.equal(payload.current_message, 'ok')
})
