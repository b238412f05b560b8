// The inbox goes on by itself: events tell what happened, and the parts that show it are fetched again and put in place.
// What people do here are calls to the API; the events that follow bring the result, also to everybody else who looks.
import { call } from './calls.js'
import { preference, problem, quiet, say, tellTimes, words } from './page.js'
import { chat, desk, get, list, openId, query, refresh, swap, thread, views } from './parts.js'
import { restore, takeDraft } from './reply.js'

const stale = document.getElementById('stale')
const title = document.title

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
document.addEventListener('placed', (event) => {
  mark()
  tellWaiting()
  // Something new in the chat that is open is seen as it comes.
  if (event.target === list && openId()) look()
})
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
  document.querySelector('form.search input').value = new URLSearchParams(location.search).get('q') ?? ''
  const id = location.pathname.match(/^\/inbox\/(\d+)$/)?.[1]
  if (id) open(id, { push: false })
  else close({ push: false })
  refresh('list', 'views')
})

function close ({ push = true } = {}) {
  desk.classList.remove('has-chat')
  chat.replaceChildren(document.getElementById('nothing').content.cloneNode(true))
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
  let back = deed.back
  try {
    // Who takes over a chat of nobody's gets it: on the way back it is nobody's again.
    if (name === 'take' && (await call('GET', `/conversations/${id}`)).assignee_id === null) back = { ...back, assignee_id: null }
    await call('PATCH', `/conversations/${id}`, body)
  } catch (error) {
    row?.classList.remove('leaving')
    return problem(error)
  }
  const stays = name === 'archive' && !isBack && chat.querySelector('[data-act="done"]:enabled')
  say(isBack ? words().saved : stays ? words().archivedWaiting : words()[deed.words], back && !isBack
    ? () => call('PATCH', `/conversations/${id}`, back).then(() => refresh('list', 'views', 'contact')).catch(problem)
    : undefined)
  if (deed.leaves && !isBack && String(id) === openId()) {
    if (name !== 'unread' && next && matchMedia('(min-width: 900px)').matches) open(next.dataset.id)
    else close()
  }
  refresh('list', 'views', 'contact')
}

document.addEventListener('click', async (event) => {
  const button = event.target.closest('button')
  // What lies over the chat goes away by a click beside it, too.
  if (!event.target.closest('#contact, [data-toggle-contact]')) desk.classList.remove('shows-contact')
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

document.addEventListener('change', (event) => {
  const field = event.target
  if (field.closest('[data-narrowing]')) {
    const asked = new URLSearchParams(new FormData(field.closest('form')))
    for (const [name, value] of [...asked]) if (!value) asked.delete(name)
    history.pushState({}, '', `${openId() ? location.pathname : '/'}?${asked}`)
    refresh('list', 'views')
    if (!openId()) close({ push: false })
  }
})

// A call that was made elsewhere on the page says what it changed.
document.addEventListener('called', (event) => {
  const parts = event.target.closest('[data-refresh]')?.dataset.refresh.split(' ') ?? []
  if (event.target instanceof HTMLFormElement) event.target.querySelectorAll('input:not([type=hidden]):not([data-kind]):not([type=number]):not([type=checkbox])').forEach((field) => { field.value = '' })
  document.activeElement?.blur?.()
  quiet()
  refresh(...parts, 'list', 'views')
})

// --- search as one types

let typing
document.querySelector('form.search').addEventListener('input', (event) => {
  clearTimeout(typing)
  typing = setTimeout(() => {
    const text = event.target.value.trim()
    const before = new URLSearchParams(location.search)
    const asked = new URLSearchParams({ q: text })
    for (const name of ['period', 'from', 'to']) if (before.has(name)) asked.set(name, before.get(name))
    history.replaceState({}, '', text ? `${location.pathname}?${asked}` : location.pathname)
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
  r: () => (document.getElementById('reply-text') ?? document.getElementById('number'))?.focus(),
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
