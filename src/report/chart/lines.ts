import { compact } from '../../text/numbers.ts'
import { html, type Markup } from '../html.ts'
import { framed, plotOf, round, type Titles, timeAxis } from './frame.ts'
import { ticks } from './scale.ts'

interface Line {
  name: string
  /** Class of its colour. */
  series: string
  /** Drawn broken, so that lines differ in print without colours too. */
  dash?: string
  /** [seconds, value]; undefined where nothing is known, which leaves a gap. */
  points: readonly (readonly [number, number | undefined])[]
}

export interface LineChart extends Titles {
  lines: readonly Line[]
  /** Length of the axis of time, in seconds. */
  seconds: number
  /** Times at which the run was started once more. */
  restarts: readonly number[]
  y: { title: string; most?: number; label?(value: number): string }
}

const SIZE = { left: 66, height: 220 }

/** Values over time. */
export function lineChart({ lines, seconds, restarts, y, ...titles }: LineChart): Markup {
  const plot = plotOf(SIZE)
  const values = lines.flatMap(({ points }) => points.flatMap(([, value]) => value ?? []))
  const marks = ticks(y.most ?? Math.max(...values, 1e-9), 4)
  const top = marks.at(-1) as number
  const across = (time: number) => round(plot.x(time / seconds))
  const up = (value: number) => round(plot.y(value / top))
  const label = y.label ?? compact
  return framed(
    {
      ...titles,
      ...SIZE,
      x: timeAxis(plot, seconds, 6),
      y: { title: y.title, ticks: marks.map((value) => ({ at: up(value), label: label(value) })) },
    },
    [
      ...restarts.map(
        (time) =>
          html`<line class="restart" x1="${across(time)}" x2="${across(time)}" y1="${plot.top}" y2="${plot.bottom}"><title>continued here</title></line>`,
      ),
      ...lines.map(
        ({ name, series, dash, points }) =>
          html`<path class="line ${series}"${dash && html` stroke-dasharray="${dash}"`} d="${path(points, across, up)}"><title>${name}</title></path>`,
      ),
      ...lines.flatMap(({ series, points }) =>
        lone(points).map(
          ([time, value]) => html`<circle class="${series}" cx="${across(time)}" cy="${up(value)}" r="2.5"/>`,
        ),
      ),
    ],
  )
}

function path(
  points: Line['points'],
  across: (time: number) => number,
  up: (value: number) => number,
): string {
  let open = false
  return points
    .flatMap(([time, value]) => {
      const command = open ? 'L' : 'M'
      open = value !== undefined
      return value === undefined ? [] : `${command}${across(time)} ${up(value)}`
    })
    .join('')
}

/** Points without a neighbour, of which a line shows nothing. */
function lone(points: Line['points']): [number, number][] {
  return points.flatMap(([time, value], i) =>
    value !== undefined && points[i - 1]?.[1] === undefined && points[i + 1]?.[1] === undefined
      ? [[time, value]]
      : [],
  )
}
