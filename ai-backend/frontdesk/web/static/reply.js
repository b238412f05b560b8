// Writing to a customer: what is typed is kept, sent once, and stands in the thread at once.
import { call } from './calls.js'
import { problem } from './page.js'
import { chat, openId, refresh } from './parts.js'

// A reply has a key of its own: sent twice it is the same message.
async function reply (form) {
  const field = form.elements.text
  const text = field.value
  if (!text.trim()) return
  const id = form.dataset.reply
  const turn = form.dataset.turn
  form.dataset.key ??= crypto.randomUUID?.() ?? String(Math.random()).slice(2)
  const bubble = document.createElement('div')
  bubble.className = 'entry ours going'
  bubble.innerHTML = '<div class="bubble"><p class="text" dir="auto"></p><p class="foot">🕓</p></div>'
  bubble.querySelector('.text').textContent = text
  document.getElementById('part').append(bubble)
  const box = document.getElementById('entries')
  box.scrollTop = box.scrollHeight
  field.value = ''
  grow(field)
  try {
    if (turn) await call('POST', `/turns/${turn}/accept`, { text })
    else await call('POST', `/conversations/${id}/messages`, { text }, { 'idempotency-key': form.dataset.key })
    delete form.dataset.key
    delete form.dataset.turn
    forgetDraft(id)
    refresh('thread', 'contact', 'list', 'views')
  } catch (error) {
    bubble.remove()
    field.value = text
    grow(field)
    // The draft was overtaken, or the words were changed after an answer was lost on the way: what is written now can be
    // sent as another message, by who has read what the desk says.
    if (error.status === 409) {
      delete form.dataset.turn
      delete form.dataset.key
    }
    keep(field)
    problem(error)
  }
}

// What is being written outlives a reload.
const kept = (id) => `frontdesk.reply.${id}`
const forgetDraft = (id) => sessionStorage.removeItem(kept(id))
function grow (field) {
  field.rows = 2
  while (field.scrollHeight > field.clientHeight && field.rows < 12) field.rows++
}
document.addEventListener('input', (event) => {
  if (event.target.id !== 'reply-text') return
  grow(event.target)
  keep(event.target)
})
function keep (field) {
  sessionStorage.setItem(kept(openId()), JSON.stringify({ text: field.value, turn: field.form.dataset.turn }))
}
export function restore () {
  const field = document.getElementById('reply-text')
  const found = field && sessionStorage.getItem(kept(openId()))
  if (!found) return
  const { text, turn } = JSON.parse(found)
  field.value = text
  if (turn) field.form.dataset.turn = turn
  grow(field)
}

document.addEventListener('submit', (event) => {
  if (event.target.dataset.reply) {
    event.preventDefault()
    reply(event.target)
  }
})

export function takeDraft () {
  const text = chat.querySelector('.draft-text')?.textContent
  const field = document.getElementById('reply-text')
  if (!text || !field) return
  field.value = text
  field.form.dataset.turn = chat.querySelector('[data-draft="edit"]').dataset.turn
  grow(field)
  keep(field)
  field.focus()
}

document.addEventListener('change', (event) => {
  const field = event.target
  if ('canned' in field.dataset && field.value) {
    const { customer, business, me } = field.dataset
    const into = document.getElementById('reply-text')
    into.value += field.value.replaceAll('{name}', customer).replaceAll('{business}', business).replaceAll('{me}', me)
    field.value = ''
    grow(into)
    into.focus()
  }
})
