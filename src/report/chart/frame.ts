import { html, type Markup } from '../html.ts'

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
}

export interface Tick {
  at: number
  label: string
}

export interface Axes {
  /** Text for those who do not see the drawing. */
  title: string
  description: string
  height: number
  /** Room for the labels at the left. */
  left: number
  x: { title: string; ticks: readonly Tick[] }
  y: { title: string; ticks: readonly Tick[] }
}

export function plotOf({ left, height }: Pick<Axes, 'left' | 'height'>): Plot {
  return { left, right: WIDTH - RIGHT, top: TOP, bottom: height - 44 }
}

let drawn = 0

/** Starts the numbering of charts anew: a page built twice is the same twice. */
export function resetIds(): void {
  drawn = 0
}

/** A drawing with grid, axes and their titles around the marks. */
export function framed(axes: Axes, marks: Markup | readonly Markup[]): Markup {
  const plot = plotOf(axes)
  const middle = (plot.left + plot.right) / 2
  return svg(
    axes.title,
    axes.description,
    axes.height,
    html`<g class="grid">${axes.y.ticks.map(
      ({ at }) => html`<line x1="${plot.left}" x2="${plot.right}" y1="${round(at)}" y2="${round(at)}"/>`,
    )}</g>
<g class="tick end">${axes.y.ticks.map(({ at, label }) => html`<text x="${plot.left - 6}" y="${round(at + 4)}">${label}</text>`)}</g>
<g class="marks">${marks}</g>
<line class="axis" x1="${plot.left}" x2="${plot.right}" y1="${plot.bottom}" y2="${plot.bottom}"/>
<g class="tick middle">${axes.x.ticks.map(({ at, label }) => html`<line x1="${round(at)}" x2="${round(at)}" y1="${plot.bottom}" y2="${plot.bottom + 4}"/><text x="${round(at)}" y="${plot.bottom + 17}">${label}</text>`)}</g>
<text class="title middle" x="${round(middle)}" y="${axes.height - 6}">${axes.x.title}</text>
<text class="title" x="2" y="14">${axes.y.title}</text>`,
  )
}

export function svg(title: string, description: string, height: number, content: Markup): Markup {
  const id = `chart${++drawn}`
  return html`<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="${id}t ${id}d">
<title id="${id}t">${title}</title><desc id="${id}d">${description}</desc>
${content}</svg>`
}

/** A tenth of a unit is finer than any screen shows. */
export function round(value: number): number {
  return Math.round(value * 10) / 10
}
