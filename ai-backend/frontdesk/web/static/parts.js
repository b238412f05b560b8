// The parts of the inbox, and how they are fetched again and put in place: focus, scroll and what is open stay.
import { tellTimes } from './page.js'

export const desk = document.getElementById('desk')
export const list = document.getElementById('list')
export const chat = document.getElementById('chat')
export const views = document.getElementById('views')
export const thread = () => chat.querySelector('.thread')
export const openId = () => thread()?.dataset.id

// --- fetching parts again

export function query () {
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
  },
  thread: () => refreshThread(),
  contact: async () => {
    if (!openId() || isTyping(document.getElementById('contact'))) return
    const id = openId()
    const text = await get(`/inbox/${id}/beside`)
    if (!text || openId() !== id) return
    const fresh = new DOMParser().parseFromString(text, 'text/html')
    for (const part of fresh.body.children) await swap(document.getElementById(part.id), part.innerHTML)
  }
}

export async function get (address) {
  const response = await fetch(address, { headers: { accept: 'text/html' } })
  if (response.status === 401) return location.reload()
  if (!response.ok) throw new Error(String(response.status))
  return response.text()
}

export async function swap (target, html, how = 'innerMorph') {
  if (target) await htmx.swap({ target, sourceElement: target, text: html, swap: how })
}

async function place (address, target) {
  const text = await get(address)
  if (text === undefined) return
  const open = list.querySelector('.chat-row[aria-current]')
  await swap(target, text)
  // What was chosen by hand outlives that, and would say something else than the list shows.
  for (const field of target.querySelectorAll('select')) if (field !== document.activeElement) field.value = field.querySelector('[selected]')?.value ?? field.options[0].value
  if (target === list && open) keepOpen(open)
  tellTimes(target)
  target.dispatchEvent(new CustomEvent('placed', { bubbles: true }))
}

// Who reads a chat among the unread goes on from where it stood.
function keepOpen (row) {
  if (new URLSearchParams(location.search).get('view') !== 'unread' || row.dataset.id !== openId() || document.getElementById(row.id)) return
  const kept = row.cloneNode(true)
  kept.classList.remove('unread')
  kept.querySelector('.line .count')?.remove()
  list.querySelector('.empty')?.remove()
  list.prepend(kept)
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
