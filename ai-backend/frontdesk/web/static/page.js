// What every page has: the reader's preferences, times that go on, and what is told for a moment.
import { call } from './calls.js'

const toast = document.getElementById('toast')

export function preference (name) {
  return localStorage.getItem(`frontdesk.${name}`) ?? ''
}

for (const field of document.querySelectorAll('[data-preference]')) {
  const name = field.dataset.preference
  if (field.type === 'checkbox') field.checked = preference(name) === 'on'
  else field.value = preference(name)
  field.addEventListener('change', async () => {
    const value = field.type === 'checkbox' ? (field.checked ? 'on' : '') : field.value
    if (name === 'notify' && value && await Notification.requestPermission() !== 'granted') {
      field.checked = false
      return
    }
    localStorage.setItem(`frontdesk.${name}`, value)
  })
}
for (const field of document.querySelectorAll('[data-cookie]')) {
  field.addEventListener('change', () => {
    document.cookie = `${field.dataset.cookie}=${field.value}; path=/; max-age=31536000; samesite=lax`
    location.reload()
  })
}

/**
 * Say something for some seconds, with a way back where there is one.
 */
let hiding
export function say (text, undo) {
  clearTimeout(hiding)
  toast.replaceChildren(text)
  if (undo) {
    const button = document.createElement('button')
    button.type = 'button'
    button.textContent = words().undo
    button.addEventListener('click', () => { toast.hidden = true; undo() })
    toast.append(' ', button)
  }
  toast.hidden = false
  hiding = setTimeout(() => { toast.hidden = true }, undo ? 8000 : 4000)
}

/**
 * What was said is not so any more.
 */
export function quiet () {
  toast.hidden = true
}

export function words () {
  return document.getElementById('words')?.dataset ?? {}
}

const problemPlace = document.getElementById('problem')
problemPlace?.addEventListener('click', () => { problemPlace.hidden = true })

/**
 * Say what went wrong, until it is clicked away.
 */
export function problem (error) {
  problemPlace.textContent = error.message
  problemPlace.hidden = false
}

// Fields that change one thing at once: data-change="PATCH /address", data-field="name".
document.addEventListener('change', async (event) => {
  const field = event.target
  if (!field.dataset?.change) return
  const [method, address] = field.dataset.change.split(' ')
  let value = field.type === 'checkbox' ? field.checked : field.value
  if (field.dataset.on) value = field.checked ? field.dataset.on : field.dataset.off
  else if (field.dataset.kind === 'number') value = field.value === '' ? null : Number(field.value)
  else if (field.dataset.kind === 'optional') value = field.value === '' ? null : field.value
  try {
    await call(method, address, { [field.dataset.field]: value })
    // What was said before is taken back first.
    field.dispatchEvent(new CustomEvent('called', { bubbles: true }))
    if (words().saved) say(words().saved)
  } catch (error) {
    if (field.type === 'checkbox') field.checked = !field.checked
    else if (field.options) field.value = [...field.options].find((option) => option.defaultSelected)?.value ?? ''
    problem(error)
  }
})

function spelled (seconds) {
  const all = words()
  const size = Math.abs(seconds)
  if (size < 60) return all.now
  if (size < 5400) return all.minutes.replace('{n}', Math.round(size / 60))
  if (size < 129600) return all.hours.replace('{n}', Math.round(size / 3600))
  return all.days.replace('{n}', Math.round(size / 86400))
}

export function tellTimes (within = document) {
  if (!words().now) return
  for (const time of within.querySelectorAll('time[data-ago], time[data-due]')) {
    const seconds = (new Date(time.dateTime) - Date.now()) / 1000
    let text = spelled(seconds)
    if ('due' in time.dataset) {
      if (Math.abs(seconds) >= 60) text = (seconds < 0 ? words().late : words().left).replace('{t}', text)
      time.classList.toggle('late', seconds < 0)
      time.classList.toggle('soon', seconds >= 0 && seconds < 900)
    }
    if (time.textContent !== text) time.textContent = text
  }
}
tellTimes()
setInterval(tellTimes, 20_000)
