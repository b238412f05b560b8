// The inbox goes on by itself: events tell what happened, and the parts that show it are fetched again and put in place.
// What people do here are calls to the API; the events that follow bring the result, also to everybody else who looks.
import { call } from './calls.js'
import { preference, say, tellTimes, words } from './page.js'

const desk = document.getElementById('desk')
const list = document.getElementById('list')
const chat = document.getElementById('chat')
const views = document.getElementById('views')
const stale = document.getElementById('stale')
const title = document.title
const thread = () => chat.querySelector('.thread')
const openId = () => thread()?.dataset.id

// --- fetching parts again

function query () {
  const asked = new URLSearchParams(location.search)
  asked.delete('after')
  asked.delete('message')
  return asked.toString()
}

const fetchers = {
  list: () => place(`/inbox/list?${query()}`, list),
  views: async () => {
    await place(`/inbox/views?${query()}`, views)
    document.getElementById('narrow-views').innerHTML = views.innerHTML
    tellWaiting()
  },
  thread: () => refreshThread(),
  contact: async () => {
    if (!openId() || isTyping(document.getElementById('contact'))) return
    const text = await get(`/inbox/${openId()}/chat?${query()}`)
    if (!text) return
    const fresh = new DOMParser().parseFromString(text, 'text/html')
    if (fresh.querySelector('.thread')?.dataset.id !== openId()) return
    for (const id of ['contact', 'draft', 'answering']) await swap(document.getElementById(id), fresh.getElementById(id)?.innerHTML ?? '')
    await swap(chat.querySelector('.actions'), fresh.querySelector('.actions')?.innerHTML ?? '')
  }
}

async function get (address) {
  const response = await fetch(address, { headers: { accept: 'text/html' } })
  if (response.status === 401) return location.reload()
  if (!response.ok) throw new Error(String(response.status))
  return response.text()
}

async function swap (target, html, how = 'innerMorph') {
  if (target) await htmx.swap({ target, sourceElement: target, text: html, swap: how })
}

async function place (address, target) {
  const text = await get(address)
  if (text === undefined) return
  await swap(target, text)
  tellTimes(target)
  mark()
  // Something new in the chat that is open is seen as it comes.
  if (target === list && openId()) look()
}

function isTyping (within) {
  const field = document.activeElement
  return within?.contains(field) && /^(INPUT|TEXTAREA|SELECT)$/.test(field.tagName) && field.type !== 'checkbox'
}

async function refreshThread () {
  const part = document.getElementById('part')
  const id = openId()
  if (!part || !id || 'anchored' in part.dataset) return
  const text = await get(`/inbox/${id}/entries?since=${encodeURIComponent(part.dataset.since)}`)
  if (text === undefined || openId() !== id) return
  const box = document.getElementById('entries')
  const isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 120
  const earlier = part.querySelector('[data-earlier]')?.outerHTML ?? ''
  if (isTyping(part)) return
  await swap(part, earlier + text.replace(/<div class="earlier"[^]*?<\/div>/, ''))
  tellTimes(part)
  if (isAtEnd) box.scrollTop = box.scrollHeight
}

// One request of a kind at a time, and one more where something happened meanwhile.
const wanted = new Map()
export async function refresh (...kinds) {
  for (const kind of kinds) {
    if (wanted.has(kind)) { wanted.set(kind, true); continue }
    wanted.set(kind, false)
    run(kind)
  }
}
async function run (kind) {
  try {
    await fetchers[kind]()
  } catch { /* the stream tells when the desk is away */ }
  await new Promise((resolve) => setTimeout(resolve, document.hidden ? 3000 : 250))
  const again = wanted.get(kind)
  wanted.delete(kind)
  if (again) refresh(kind)
}

// --- live

const OF_LISTS = /^(message|conversation|outbox|reply|wait|deadline|contact|task|turn)/
let source
let lastEvent = desk.dataset.lastEvent
function listen () {
  source = new EventSource(`/events?named=false&after=${lastEvent}`)
  source.onopen = () => {
    if (!stale.hidden) refresh('list', 'views', 'thread', 'contact')
    stale.hidden = true
  }
  source.onmessage = (message) => {
    lastEvent = message.lastEventId
    const event = JSON.parse(message.data)
    if (OF_LISTS.test(event.type)) refresh('list', 'views')
    if (String(event.conversation_id) === openId()) {
      refresh('thread')
      // Also where a colleague wrote: their answer is in place of the draft.
      refresh('contact')
      if (event.type === 'message.received') lookedAt = undefined
    } else if (/^(contact|task)/.test(event.type)) refresh('contact')
    if (event.type === 'message.received' && !event.data.from_us) told(event)
  }
  source.onerror = () => {
    stale.hidden = false
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 2000)
  }
}
listen()

// --- whoever is not looking is told

function tellWaiting () {
  const count = views.querySelector('[data-waiting]')
  document.title = count ? `(${count.textContent}) ${title}` : title
}
tellWaiting()

let context
function told (event) {
  if (!document.hidden && document.hasFocus()) return
  if (preference('sound') === 'on') {
    context ??= new AudioContext()
    const tone = new OscillatorNode(context, { frequency: 660 })
    const volume = new GainNode(context, { gain: 0.1 })
    tone.connect(volume).connect(context.destination)
    tone.start()
    tone.stop(context.currentTime + 0.18)
  }
  if (preference('notify') === 'on' && Notification.permission === 'granted') {
    // What somebody wrote is not shown on a locked screen.
    const shown = new Notification(title, { body: words().waits, tag: `conversation-${event.conversation_id}` })
    shown.onclick = () => { window.focus(); open(event.conversation_id) }
  }
}

// --- opening chats

const rows = () => [...list.querySelectorAll('.chat-row')]
let current

function mark () {
  const message = new URLSearchParams(location.search).get('message') ?? ''
  for (const row of rows()) {
    const isOpen = row.dataset.id === (openId() ?? current)
    row.toggleAttribute('aria-current', isOpen && (!row.dataset.message || row.dataset.message === message))
  }
}
// What comes as one scrolls is told in the same way.
document.addEventListener('htmx:after:swap', () => { tellTimes(); mark() })

async function open (id, { push = true, message } = {}) {
  const asked = new URLSearchParams(query())
  if (message) asked.set('message', message)
  const address = `/inbox/${id}${asked.size ? `?${asked}` : ''}`
  current = String(id)
  let text
  try {
    text = await get(`/inbox/${id}/chat?${asked}`)
  } catch { return location.assign(address) }
  if (text === undefined || current !== String(id)) return
  await swap(chat, text, 'innerHTML')
  desk.classList.add('has-chat')
  if (push) history.pushState({ id }, '', address)
  arrived(message)
}

function arrived (message) {
  tellTimes(chat)
  mark()
  restore()
  const box = document.getElementById('entries')
  if (box) box.scrollTop = box.scrollHeight
  const found = message && document.getElementById(`message-${message}`)
  if (found) {
    found.scrollIntoView({ block: 'center' })
    found.classList.add('found')
  }
  look()
}

// Somebody looks: what is there is read.
let lookedAt
function look () {
  const row = list.querySelector(`.chat-row[data-id="${openId()}"]`)
  if (document.hidden || thread()?.dataset.mayWrite !== 'true' || (row && !row.classList.contains('unread'))) return
  if (!row && lookedAt === openId()) return
  lookedAt = openId()
  row?.classList.remove('unread')
  row?.querySelector('.line .count')?.remove()
  call('PATCH', `/conversations/${openId()}`, { is_read: true }).catch(() => {})
}
document.addEventListener('visibilitychange', () => { if (!document.hidden && openId()) look() })

document.addEventListener('click', (event) => {
  const row = event.target.closest('.chat-row')
  if (!row || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return
  event.preventDefault()
  open(row.dataset.id, { message: row.dataset.message })
})
addEventListener('popstate', () => {
  const id = location.pathname.match(/^\/inbox\/(\d+)$/)?.[1]
  if (id) open(id, { push: false })
  else close({ push: false })
  refresh('list', 'views')
})

function close ({ push = true } = {}) {
  desk.classList.remove('has-chat')
  chat.replaceChildren()
  current = undefined
  if (push) history.pushState({}, '', `/${query() ? `?${query()}` : ''}`)
  mark()
}

// --- doing

const deeds = {
  done: { body: { status: 'done' }, words: 'done' },
  archive: { body: { is_archived: true }, back: { is_archived: false }, words: 'archived', leaves: true },
  unread: { body: { is_read: false }, words: 'unread', leaves: true },
  take: { body: { handed_over: true }, back: { handed_over: false }, words: 'taken' },
  block: { body: { is_blocked: true }, back: { is_blocked: false }, words: 'blocked', leaves: true }
}

async function act (name, value) {
  const id = openId() ?? focused()?.dataset.id
  const deed = deeds[name]
  if (!id || !deed) return
  const body = value === 'false' ? deed.back : deed.body
  const isBack = body === deed.back
  const row = list.querySelector(`.chat-row[data-id="${id}"]`)
  const next = row?.nextElementSibling?.closest('.chat-row') ?? row?.previousElementSibling?.closest('.chat-row')
  if (deed.leaves && !isBack && name !== 'unread') row?.classList.add('leaving')
  try {
    await call('PATCH', `/conversations/${id}`, body)
  } catch (error) {
    row?.classList.remove('leaving')
    return problem(error)
  }
  say(isBack ? words().saved : words()[deed.words], deed.back && !isBack
    ? () => call('PATCH', `/conversations/${id}`, deed.back).then(() => refresh('list', 'views', 'contact')).catch(problem)
    : undefined)
  if (deed.leaves && !isBack && String(id) === openId()) {
    if (name !== 'unread' && next && matchMedia('(min-width: 900px)').matches) open(next.dataset.id)
    else close()
  }
  refresh('list', 'views', 'contact')
}

function problem (error) {
  const place = document.getElementById('problem')
  place.textContent = error.message
  place.hidden = false
}

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
    // The draft was overtaken: what is written here can be sent as one's own words, by who has read what came.
    if (error.status === 409) delete form.dataset.turn
    keep(field)
    problem(error)
  }
}

// What is being written outlives a reload.
const kept = (id) => `frontdesk.reply.${id}`
const forgetDraft = (id) => sessionStorage.removeItem(kept(id))
function grow (field) {
  field.rows = Math.min(12, Math.max(2, field.value.split('\n').length))
}
document.addEventListener('input', (event) => {
  if (event.target.id !== 'reply-text') return
  grow(event.target)
  keep(event.target)
})
function keep (field) {
  sessionStorage.setItem(kept(openId()), JSON.stringify({ text: field.value, turn: field.form.dataset.turn }))
}
function restore () {
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

document.addEventListener('click', async (event) => {
  const button = event.target.closest('button')
  if (!button) return
  if (button.dataset.act) return act(button.dataset.act, button.dataset.value)
  if ('toggleContact' in button.dataset) return desk.classList.toggle('shows-contact')
  if (button.dataset.draft === 'edit') return takeDraft()
  if (button.dataset.draft === 'send') {
    button.disabled = true
    try {
      await call('POST', `/turns/${button.dataset.turn}/accept`)
      say(words().sent)
      refresh('thread', 'contact', 'list', 'views')
    } catch (error) {
      button.disabled = false
      problem(error)
    }
  }
  if (button.dataset.saveFilter) {
    const name = prompt(words().name)?.trim()
    if (name) {
      await call('POST', '/filters', { name, filter: JSON.parse(button.dataset.saveFilter) }).catch(problem)
      refresh('views')
    }
  }
})

function takeDraft () {
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
  if (field.closest('[data-narrowing]')) {
    const asked = new URLSearchParams(new FormData(field.closest('form')))
    for (const [name, value] of [...asked]) if (!value) asked.delete(name)
    history.pushState({}, '', `/?${asked}`)
    refresh('list', 'views')
    if (!openId()) close({ push: false })
  }
})

// A call that was made elsewhere on the page says what it changed.
document.addEventListener('called', (event) => {
  const parts = event.target.closest('[data-refresh]')?.dataset.refresh.split(' ') ?? []
  if (event.target instanceof HTMLFormElement) event.target.querySelectorAll('input:not([type=hidden]):not([data-kind]):not([type=number]):not([type=checkbox])').forEach((field) => { field.value = '' })
  document.activeElement?.blur?.()
  refresh(...parts, 'list', 'views')
})

// --- search as one types

let typing
document.querySelector('form.search').addEventListener('input', (event) => {
  clearTimeout(typing)
  typing = setTimeout(() => {
    const text = event.target.value.trim()
    history.replaceState({}, '', text ? `${location.pathname}?q=${encodeURIComponent(text)}` : location.pathname)
    refresh('list', 'views')
  }, 200)
})
document.querySelector('form.search').addEventListener('submit', (event) => {
  event.preventDefault()
  rows()[0]?.focus()
})

// --- keys

function focused () {
  return document.activeElement?.closest?.('.chat-row')
}

function step (by) {
  const all = rows()
  const from = all.indexOf(focused() ?? list.querySelector('.chat-row[aria-current]'))
  const next = all[Math.min(all.length - 1, Math.max(0, from + by))]
  next?.focus()
  next?.scrollIntoView({ block: 'nearest' })
  if (next && openId() && matchMedia('(min-width: 900px)').matches) open(next.dataset.id)
}

const keys = {
  j: () => step(1),
  k: () => step(-1),
  r: () => document.getElementById('reply-text')?.focus(),
  d: takeDraft,
  e: () => act('archive', chat.querySelector('[data-act="archive"]')?.dataset.value),
  u: () => act('unread'),
  t: () => act('take', chat.querySelector('[data-act="take"]') ? undefined : 'false'),
  x: () => act('done'),
  g: () => (list.querySelector('.chat-row[aria-current]') ?? rows()[0])?.focus(),
  '/': () => document.querySelector('form.search input').focus(),
  '?': () => document.getElementById('keys').showModal()
}
document.addEventListener('keydown', (event) => {
  const field = event.target.closest?.('input, textarea, select, dialog')
  if (event.key === 'Escape') {
    if (field && !field.closest('dialog')) return field.blur()
    if (!field && desk.classList.contains('shows-contact')) return desk.classList.remove('shows-contact')
    if (!field && openId() && !matchMedia('(min-width: 900px)').matches) return close()
  }
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && event.target.id === 'reply-text') {
    event.preventDefault()
    return event.target.form.requestSubmit()
  }
  if (field || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return
  const does = keys[event.key]
  if (does) {
    event.preventDefault()
    does()
  }
})

if (openId()) {
  current = openId()
  arrived(new URLSearchParams(location.search).get('message'))
}
mark()
