import { html, type Markup } from '../html.ts'
import { timeLabel, timeTicks } from './scale.ts'

/** All charts are drawn at one size, so that their letters are of one size beside each other. */
export const WIDTH = 440
/** Half of the longest label of a tick. */
const RIGHT = 26
/** Room for the title of the upright axis, which is easier to read lying down. */
const TOP = 30

/** Where in a chart the data is drawn, in units of the drawing. */
export interface Plot {
  left: number
  right: number
  top: number
  bottom: number
  /** The place of a share of an axis, 0 to 1. */
  x(share: number): number
  y(share: number): number
}

export interface Tick {
  at: number
  label: string
}

interface Axis {
  title: string
  ticks: readonly Tick[]
}

/** Size of a drawing, and the room at its left for labels. */
export interface Size {
  left: number
  height: number
}

/** What those who do not see a drawing read. */
export interface Titles {
  title: string
  description: string
}

export function plotOf({ left, height }: Size): Plot {
  const [right, top, bottom] = [WIDTH - RIGHT, TOP, height - 44]
  return {
    left,
    right,
    top,
    bottom,
    x: (share) => left + share * (right - left),
    y: (share) => bottom - share * (bottom - top),
  }
}

/** An axis of time in seconds, with about so many ticks. */
export function timeAxis({ x }: Plot, seconds: number, wanted: number): Axis {
  const ticks = timeTicks(seconds, wanted)
  return {
    title: 'time since the start',
    ticks: ticks.map((time) => ({ at: x(time / seconds), label: timeLabel(time) })),
  }
}

let drawn = 0

/** Starts the numbering of charts again: a page built twice is the same twice. */
export function resetIds(): void {
  drawn = 0
}

/** A drawing with grid, axes and their titles around the marks. */
export function framed(
  { title, description, left, height, x, y }: Titles & Size & { x: Axis; y: Axis },
  marks: Markup | readonly Markup[],
): Markup {
  const plot = plotOf({ left, height })
  const id = `chart${++drawn}`
  return html`<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="${id}t ${id}d">
<title id="${id}t">${title}</title><desc id="${id}d">${description}</desc>
<g class="grid">${y.ticks.map(
    ({ at }) => html`<line x1="${left}" x2="${plot.right}" y1="${round(at)}" y2="${round(at)}"/>`,
  )}</g>
<g class="tick end">${y.ticks.map(({ at, label }) => html`<text x="${left - 6}" y="${round(at + 4)}">${label}</text>`)}</g>
<g class="marks">${marks}</g>
<line class="axis" x1="${left}" x2="${plot.right}" y1="${plot.bottom}" y2="${plot.bottom}"/>
<g class="tick middle">${x.ticks.map(({ at, label }) => html`<line x1="${round(at)}" x2="${round(at)}" y1="${plot.bottom}" y2="${plot.bottom + 4}"/><text x="${round(at)}" y="${plot.bottom + 17}">${label}</text>`)}</g>
<text class="title middle" x="${round((left + plot.right) / 2)}" y="${height - 6}">${x.title}</text>
<text class="title" x="2" y="14">${y.title}</text></svg>`
}

/** A tenth of a unit is finer than any screen shows. */
export function round(value: number): number {
  return Math.round(value * 10) / 10
}
