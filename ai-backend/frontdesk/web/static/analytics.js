// Draws the charts from the numbers that came with the page; their tables stand below them.
const { days, charts } = JSON.parse(document.getElementById('data').textContent)
const at = days.map((day) => Date.parse(`${day}T00:00:00Z`) / 1000)
const style = getComputedStyle(document.documentElement)
const colours = ['--accent', '--busy', '--critical', '--vip', '--positive', '--dim', '--high', '--ink', '--good', '--low']
const named = (name) => style.getPropertyValue(name).trim()
const colour = (place) => named(colours[place % colours.length])
// What has an order has its colours in order, from calm to critical.
const shade = (place, of) => `color-mix(in oklch, ${named('--critical')} ${Math.round(place / (of - 1) * 100)}%, ${named('--accent')})`
const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 1_000_000]

const day = new Intl.DateTimeFormat(document.documentElement.lang, { day: 'numeric', month: 'short', timeZone: 'UTC' })

for (const place of document.querySelectorAll('[data-chart]')) {
  const series = charts[place.dataset.chart]
  const names = [...place.parentElement.querySelectorAll('thead [data-label]')].map((cell) => cell.textContent)
  const axis = { stroke: style.getPropertyValue('--dim').trim(), grid: { stroke: style.getPropertyValue('--line').trim(), width: 1 }, ticks: { show: false } }
  const draw = () => new uPlot({
    width: place.clientWidth,
    height: 220,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), 'UTC'),
    legend: { live: false },
    axes: [{ ...axis, values: (_, moments) => moments.map((moment) => day.format(moment * 1000)) }, { ...axis, size: 46, ...(place.dataset.chart === 'cost' ? {} : { incrs: WHOLE }) }],
    scales: { y: { range: (_, least, most) => [0, most || 1] } },
    series: [{}, ...names.map((label, index) => ({ label, stroke: place.dataset.chart === 'urgency' ? shade(index, names.length) : colour(index), width: 2, points: { show: days.length < 3 } }))]
  }, [at, ...Object.values(series)], place)
  let plot = draw()
  new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: 220 })).observe(place)
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { plot.destroy(); plot = draw() })
}
