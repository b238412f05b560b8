import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCritical, isIgnoredNumber, whyIgnored } from '../src/filter.js'
import { settings, shape, shapes } from './support.js'

const expected = new Map([
  ['status_broadcast', 'status'], ['newsletter', 'newsletter'], ['e2e_notification', 'notice'],
  ['call_log', 'notice'], ['ciphertext', 'notice'], ['unknown', 'notice'], ['revoked', 'notice']
])

for (const name of shapes) {
  test(`by default a message of shape ${name} is ${expected.has(name) ? `ignored as ${expected.get(name)}` : 'captured'}`, () => {
    assert.equal(whyIgnored(shape(name), settings()), expected.get(name) ?? null)
  })
}

test('each kind can be switched on', () => {
  const all = settings({ captureStatus: true, captureNewsletters: true })
  for (const name of ['status_broadcast', 'newsletter']) assert.equal(whyIgnored(shape(name), all), null)
})

test('groups can be switched off', () => {
  assert.equal(whyIgnored(shape('group'), settings({ groups: 'none' })), 'group')
})

test('a critical group is known by its id, or by its name without regard to case', () => {
  const group = { id: '1@g.us', name: 'Our  Suppliers' }
  assert.ok(isCritical(group, ['1@g.us']))
  assert.ok(isCritical(group, ['our suppliers']))
  assert.ok(!isCritical(group, ['suppliers', '2@g.us']))
})

test('the ignore list knows numbers and LIDs', () => {
  assert.ok(isIgnoredNumber({ phone_number: '+15550100111', lid: null }, ['15550100111']))
  assert.ok(isIgnoredNumber({ phone_number: null, lid: '122@lid' }, ['122']))
  assert.ok(!isIgnoredNumber({ phone_number: '+15550100111', lid: null }, ['15550100112', '']))
})
