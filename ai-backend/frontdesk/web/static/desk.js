// Keeps the status page fresh: fetches the part that changes and puts it in place, without closing what is open.
const main = document.getElementById('status')
const stale = document.getElementById('stale')
const INTERVAL_MS = 2000
let shown = main.innerHTML.trim()

async function refresh () {
  try {
    const response = await fetch(main.dataset.source, { headers: { accept: 'text/html' } })
    if (response.status === 401) return location.reload()
    if (!response.ok) throw new Error(String(response.status))
    const fresh = (await response.text()).trim()
    stale.hidden = true
    const reading = main.querySelector('details[open]') || main.contains(document.activeElement)
    if (fresh !== shown && !reading) {
      main.innerHTML = fresh
      shown = fresh
    }
  } catch {
    stale.hidden = false
  }
}

setInterval(() => { if (!document.hidden) refresh() }, INTERVAL_MS)
document.addEventListener('visibilitychange', () => { if (!document.hidden) refresh() })
