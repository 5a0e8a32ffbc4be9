import { framed, plotOf, resetIds, round, WIDTH } from '../../src/report/chart/frame.ts'
import { html, type Markup } from '../../src/report/html.ts'

/** Speed-up by number of GPUs. */
export interface Series {
  readonly name: string
  readonly points: readonly { readonly gpus: number; readonly speedUp: number }[]
}

const SIZE = { left: 44, height: 400 }
/** Okabe and Ito's colours, which people with any colour vision can tell apart. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000']
/** Drawn around the origin. */
const MARKS = [
  html`<circle r="3.5"/>`,
  html`<path d="M-3.5 -3.5h7v7h-7z"/>`,
  html`<path d="M0 -4.5l4.5 4.5l-4.5 4.5l-4.5 -4.5z"/>`,
  html`<path d="M0 -4.5l4.5 8h-9z"/>`,
]
const STYLE = html`<style>
text { font: 11px sans-serif; } .middle, .middle text { text-anchor: middle; } .end text { text-anchor: end; }
line { stroke: #555; } .grid line { stroke: #e5e5e5; } .ideal { stroke-dasharray: 5 4; }
</style>`

/** A plot of speed-ups against the ideal line, both axes doubling; an SVG document. */
export function plot(title: string, series: readonly Series[]): string {
  const plane = plotOf(SIZE)
  const points = series.flatMap((one) => one.points)
  const most = Math.max(2, ...points.map(({ gpus }) => gpus))
  const least = Math.min(1, ...points.map(({ speedUp }) => speedUp).filter((value) => value > 0))
  // A speed-up a hair below 1 is no reason for one more line.
  const low = Math.floor(Math.log2(least) + 0.05)
  const high = Math.ceil(Math.log2(most))
  const x = (gpus: number) => round(plane.x(Math.log2(gpus) / high))
  const y = (speed: number) => round(plane.y((Math.log2(speed) - low) / (high - low)))
  const powers = (from: number, place: (value: number) => number) =>
    Array.from({ length: high - from + 1 }, (_, i) => 2 ** (from + i)).map((value) => ({
      at: place(value),
      label: String(value),
    }))
  const ideal = html`<line class="ideal" x1="${x(1)}" y1="${y(1)}" x2="${x(2 ** high)}" y2="${y(2 ** high)}"/>`
  resetIds()
  const drawing = framed(
    {
      title,
      description: 'Speed-up by number of GPUs beside the ideal line; both axes double with each step.',
      ...SIZE,
      x: { title: 'GPUs', ticks: powers(0, x) },
      y: { title: `${title}: times the speed of one GPU`, ticks: powers(low, y) },
    },
    [
      ideal,
      ...series.map((one, at) => drawn(one, at, x, y)),
      legend(html`<line class="ideal" x1="-8" x2="8"/>`, 'ideal', 0),
      ...series.map(({ name }, at) => legend(mark(at), name, at + 1)),
    ],
  )
  return `${html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${SIZE.height}" role="img" aria-labelledby="chart1t"><title>${title}</title>${STYLE}<rect width="100%" height="100%" fill="#fff"/>
${drawing}</svg>`}\n`
}

function drawn(
  { points }: Series,
  at: number,
  x: (gpus: number) => number,
  y: (speed: number) => number,
): Markup {
  const places = points
    .filter(({ speedUp }) => speedUp > 0)
    .sort((a, b) => a.gpus - b.gpus)
    .map(({ gpus, speedUp }) => [x(gpus), y(speedUp)] as const)
  return html`<polyline points="${places.join(' ')}" stroke="${colour(at)}" fill="none"/>${places.map(([left, up]) => placed(mark(at), left, up))}`
}

function legend(sample: Markup, name: string, at: number): Markup {
  return placed(html`${sample}<text x="14" y="4">${name}</text>`, SIZE.left + 14, 44 + 16 * at)
}

function mark(at: number): Markup {
  return html`<g fill="${colour(at)}">${MARKS[at % MARKS.length]}</g>`
}

function placed(content: Markup, x: number, y: number): Markup {
  return html`<g transform="translate(${x} ${y})">${content}</g>`
}

function colour(at: number): string | undefined {
  return COLOURS[at % COLOURS.length]
}
