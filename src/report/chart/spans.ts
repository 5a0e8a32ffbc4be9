import { duration } from '../../text/numbers.ts'
import { html, type Markup } from '../html.ts'
import { framed, type Plot, plotOf, round, type Titles, timeAxis } from './frame.ts'

interface Span {
  name: string
  /** Seconds. */
  start: number
  end: number
  /** Seconds in between in which something of it was under way. */
  busySeconds: number
}

const ROW = 30
const LEFT = 104

/** When each stage ran: the pale bar is its span, the strong one the time it was busy. */
export function spanChart(titles: Titles, spans: readonly Span[], seconds: number): Markup {
  const size = { left: LEFT, height: 72 + spans.length * ROW }
  const plot = plotOf(size)
  const rows = spans.map(({ name, start, end, busySeconds }, i) => {
    const y = plot.top + i * ROW
    const left = plot.x(start / seconds)
    const width = Math.max(1.5, plot.x(end / seconds) - left)
    const busy = Math.max(1.5, Math.min(width, plot.x(busySeconds / seconds) - plot.left))
    const text = duration(busySeconds)
    const place = labelPlace(left, left + width, text.length * 7, plot)
    return html`<text class="row end" x="${LEFT - 8}" y="${y + 16}">${name}</text>
<rect class="span" x="${round(left)}" y="${y + 3}" width="${round(width)}" height="19"/>
<rect class="s1" x="${round(left)}" y="${y + 18}" width="${round(busy)}" height="4"><title>${name}: busy ${text}</title></rect>
<text class="row${place.end && ' end'}" x="${round(place.x)}" y="${y + 15}">${text}</text>`
  })
  return framed({ ...titles, ...size, x: timeAxis(plot, seconds, 5), y: { title: '', ticks: [] } }, rows)
}

/** Behind the bar where there is room, else before it, else inside its left edge. */
function labelPlace(left: number, right: number, width: number, plot: Plot): { x: number; end: boolean } {
  if (right + 6 + width <= plot.right) return { x: right + 6, end: false }
  if (left - 6 - width >= plot.left) return { x: left - 6, end: true }
  return { x: left + 5, end: false }
}
