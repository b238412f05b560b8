// Keeps the status page fresh: fetches the part that changes and puts it in place. What is open stays open, and the
// focus stays where it was.
const main = document.getElementById('status')
const stale = document.getElementById('stale')
const INTERVAL_MS = 2000
let shown = ''

function replace (html) {
  const opened = [...main.querySelectorAll('li:has(details[open])')].map((item) => item.id)
  const focused = document.activeElement?.closest('li')?.id
  main.innerHTML = html
  for (const id of opened) document.getElementById(id)?.querySelector('details')?.setAttribute('open', '')
  if (focused) document.getElementById(focused)?.querySelector('summary')?.focus({ preventScroll: true })
}

async function refresh () {
  try {
    const response = await fetch(main.dataset.source, { headers: { accept: 'text/html' } })
    if (response.status === 401) return location.reload()
    if (!response.ok) throw new Error(String(response.status))
    const fresh = await response.text()
    stale.hidden = true
    // A selection is somebody copying a draft.
    if (fresh !== shown && document.getSelection().isCollapsed) {
      replace(fresh)
      shown = fresh
    }
  } catch {
    stale.hidden = false
  }
}

setInterval(() => { if (!document.hidden) refresh() }, INTERVAL_MS)
document.addEventListener('visibilitychange', () => { if (!document.hidden) refresh() })
