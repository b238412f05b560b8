// What the page does goes through the same API that programs use. A form or button names the call:
//   data-call="PATCH /conversations/7"   method and address
//   data-body='{"is_archived": true}'    what is sent; a form sends its fields, by the kind of each
//   data-then="/"                        where to go when it is done; else an event “called” tells of it
//   data-anyway='{"merges": true}'       what is sent, too, where the first answer was a conflict and one wants it all the same
const token = document.querySelector('meta[name="csrf"]')?.content ?? ''

/**
 * Ask the API; what went wrong is an Error with the problem's words.
 */
export async function call (method, address, body, headers = {}) {
  const response = await fetch(address, {
    method,
    headers: { accept: 'application/json', 'content-type': 'application/json', 'x-csrf-token': token, ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  })
  if (response.status === 401 && !address.startsWith('/login')) location.assign('/login?next=' + encodeURIComponent(location.pathname + location.search))
  const text = await response.text()
  const answer = text && response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : null
  if (!response.ok) {
    const wrong = answer?.errors ?? []
    // Of one thing that is wrong everybody sees where.
    const details = wrong.length === 1 && wrong[0].pointer ? sentence(wrong[0].detail) : wrong.map((item) => `${item.pointer.replace(/^\//, '')} ${item.detail}`.trim()).join('; ')
    // What is wrong with a field says more than that something is wrong.
    const parts = wrong.length && wrong.every((item) => item.pointer) ? [details] : [answer?.detail ?? response.statusText, details]
    throw Object.assign(new Error(parts.filter(Boolean).join(': ')), { status: response.status })
  }
  return answer
}

function sentence (text) {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

// Lines such as “2026-12-24: closed” as names and values.
function pairs (text) {
  return Object.fromEntries(text.split('\n').map((line) => line.trim()).filter(Boolean).map((line) => {
    const [name, ...rest] = line.split(':')
    return [name.trim(), rest.join(':').trim()]
  }))
}

function bodyOf (element) {
  const fixed = element.dataset.body ? JSON.parse(element.dataset.body) : {}
  if (!(element instanceof HTMLFormElement)) return element.dataset.body ? fixed : undefined
  for (const field of element.elements) {
    if (!field.name || (field.type === 'radio' && !field.checked)) continue
    // What is known of somebody is only said again where it was changed.
    if ((field.dataset.within && !('always' in field.dataset)) || 'changed' in element.dataset) {
      const { defaultValue, defaultChecked, type } = field
      const before = type === 'checkbox' ? defaultChecked : defaultValue ?? [...field.options].find((option) => option.defaultSelected)?.value
      if (before === (type === 'checkbox' ? field.checked : field.value)) continue
    }
    const kind = field.dataset.kind ?? field.type
    let value = field.value
    if (kind === 'checkbox') value = field.checked
    else if (kind === 'number') value = field.value === '' ? null : Number(field.value)
    else if (kind === 'json') value = JSON.parse(field.value)
    else if (kind === 'optional') value = field.value.trim() === '' ? null : field.value
    else if (kind === 'pairs') value = pairs(field.value)
    else if (kind === 'list') value = field.value.split(',').map((part) => part.trim()).filter(Boolean)
    if (kind === 'choices') {
      fixed[field.name] ??= []
      if (field.checked) fixed[field.name].push(field.value)
    } else if (field.dataset.within) (fixed[field.dataset.within] ??= {})[field.name] = value
    else fixed[field.name] = value
  }
  const fromQuery = element.dataset.fromQuery
  if (fromQuery) fixed[fromQuery] = new URLSearchParams(location.search).get(fromQuery) ?? ''
  return fixed
}

// What an answer says is shown in the form's own place: data-show="reply.reply".
function show (element, answer) {
  const output = element.querySelector?.('output')
  if (!element.dataset.show || !output) return
  const value = element.dataset.show.split('.').reduce((part, name) => part?.[name], answer) ?? ''
  output.textContent = 'asLink' in element.dataset ? location.origin + value : value
  output.hidden = false
  const copying = element.querySelector('[data-copy]')
  if (copying) copying.hidden = false
}

// Without TLS browsers give no clipboard, but copy what is selected.
async function copy (output) {
  getSelection().selectAllChildren(output)
  if (navigator.clipboard) await navigator.clipboard.writeText(output.textContent)
  else document.execCommand('copy')
}

// Where somebody wanted to go before they had to log in: a page of ours, or the first one. Read as browsers read it, to whom
// “/\\elsewhere” is another site.
function asked () {
  const next = new URLSearchParams(location.search).get('next') ?? '/'
  if (!URL.canParse(next, location.origin)) return '/'
  const there = new URL(next, location.origin)
  return there.origin === location.origin ? there.href : '/'
}

async function carryOut (element) {
  const [method, address] = element.dataset.call.split(' ')
  const problem = element.querySelector('[data-problem]') ?? document.getElementById('problem')
  const button = element instanceof HTMLFormElement ? element.querySelector('button:not([type="button"])') : element
  if (element.dataset.confirm && !confirm(element.dataset.confirm)) return
  element.setAttribute('aria-busy', 'true')
  if (button) button.disabled = true
  try {
    const body = bodyOf(element)
    if ('changed' in element.dataset && !Object.keys(body).length) throw new Error(element.dataset.changed)
    const answer = await call(method, address, body).catch((error) => {
      const { anyway, anywayWords } = element.dataset
      if (error.status !== 409 || !anyway || !confirm(`${error.message}\n${anywayWords}`)) throw error
      return call(method, address, { ...body, ...JSON.parse(anyway) })
    })
    if (problem) problem.hidden = true
    if (element.dataset.then) {
      location.assign(element.dataset.then === '/' ? asked() : element.dataset.then)
      return
    }
    show(element, answer)
    element.dispatchEvent(new CustomEvent('called', { bubbles: true, detail: answer }))
  } catch (error) {
    if (!problem) throw error
    problem.textContent = error.message
    problem.hidden = false
  } finally {
    element.removeAttribute('aria-busy')
    if (button) button.disabled = false
  }
}

document.addEventListener('submit', (event) => {
  if (!event.target.dataset.call) return
  event.preventDefault()
  carryOut(event.target)
})
document.addEventListener('click', (event) => {
  const copying = event.target.closest('[data-copy]')
  if (copying) return copy(copying.previousElementSibling).then(() => { copying.textContent = copying.dataset.copied })
  const element = event.target.closest('[data-call]')
  if (!element || element instanceof HTMLFormElement) return
  event.preventDefault()
  carryOut(element)
})

// The server writes times by the reader's clock from the next page on.
document.cookie = `zone=${encodeURIComponent(Intl.DateTimeFormat().resolvedOptions().timeZone)}; path=/; max-age=31536000; samesite=lax`
