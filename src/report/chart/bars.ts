import { compact, integer } from '../../text/numbers.ts'
import { html, type Markup } from '../html.ts'
import { framed, plotOf, round, type Titles } from './frame.ts'
import { decades, ticks } from './scale.ts'

interface Bar {
  from: number
  to: number
  /** Counts from the bottom up, each with the class of its colour. */
  parts: readonly { count: number; series: string; name: string }[]
}

export interface BarChart extends Titles {
  bars: readonly Bar[]
  /** The range of the axis; a logarithmic one must begin above 0. */
  x: {
    title: string
    from: number
    to: number
    log?: boolean
    ticks: readonly number[]
    label(value: number): string
  }
  yTitle: string
}

const SIZE = { left: 66, height: 240 }
/** Where the highest bar is so often the middle one, a linear axis shows a single bar. */
const STEEP = 40

/** A histogram; its axis of counts is logarithmic where a linear one would hide most bars. */
export function barChart({ bars, x, yTitle, ...titles }: BarChart): Markup {
  const totals = bars.map(({ parts }) => parts.reduce((sum, { count }) => sum + count, 0))
  const log = isSteep(totals)
  const plot = plotOf(SIZE)
  const most = Math.max(1, ...totals)
  const marks = log ? decades(1, most) : ticks(most, 4).filter((value) => Number.isInteger(value))
  const top = marks.at(-1) as number
  const height = (count: number) =>
    Math.max(0, log ? scale(count, 0.5, top) : count / top) * (plot.bottom - plot.top)
  const across = (value: number) =>
    plot.x(x.log ? scale(value, x.from, x.to) : (value - x.from) / (x.to - x.from))
  const drawn = bars.flatMap(({ from, to, parts }, i) => {
    const total = totals[i] as number
    if (total === 0) return []
    const left = across(from)
    const width = Math.max(1, across(to) - left - 1)
    let bottom = plot.bottom
    return parts.flatMap(({ count, series, name }) => {
      if (count === 0) return []
      // On a logarithmic axis only the whole bar has a length; its parts share it as they share the count.
      const part = (height(total) * count) / total
      bottom -= part
      return html`<rect class="${series}" x="${round(left)}" y="${round(bottom)}" width="${round(width)}" height="${round(Math.max(part, 0.8))}"><title>${x.label(from)} to ${x.label(to)}: ${integer(count)} ${name}</title></rect>`
    })
  })
  return framed(
    {
      ...titles,
      ...SIZE,
      x: { title: x.title, ticks: x.ticks.map((value) => ({ at: across(value), label: x.label(value) })) },
      y: {
        title: log ? `${yTitle} (log scale)` : yTitle,
        ticks: marks.map((value) => ({ at: plot.bottom - height(value), label: compact(value) })),
      },
    },
    drawn,
  )
}

/** The place of a value on a logarithmic axis, as a share of it. */
function scale(value: number, from: number, to: number): number {
  return Math.log(value / from) / Math.log(to / from)
}

function isSteep(totals: readonly number[]): boolean {
  const present = totals.filter((count) => count > 0).sort((a, b) => a - b)
  const middle = present[present.length >> 1] ?? 1
  return (present.at(-1) ?? 0) > STEEP * middle
}
