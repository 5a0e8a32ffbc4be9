/** Speed-up by number of GPUs. */
export interface Series {
  readonly name: string
  readonly points: readonly { readonly gpus: number; readonly speedUp: number }[]
}

const WIDTH = 720
const HEIGHT = 520
const MARGIN = { left: 64, right: 24, top: 48, bottom: 56 }
/** Okabe and Ito's colours, which people with any colour vision can tell apart. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000']
const MARKS = ['circle', 'square', 'diamond', 'triangle'] as const

/** A plot of speed-ups against the ideal line, both axes doubling; an SVG document. */
export function plot(title: string, series: readonly Series[]): string {
  const points = series.flatMap((one) => one.points)
  const most = Math.max(2, ...points.map(({ gpus }) => gpus))
  const least = Math.min(1, ...points.map(({ speedUp }) => speedUp).filter((value) => value > 0))
  // A speed-up a hair below 1 is no reason for one more line.
  const low = Math.floor(Math.log2(least) + 0.05)
  const high = Math.ceil(Math.log2(most))
  const x = (gpus: number) => MARGIN.left + (Math.log2(gpus) / high) * (WIDTH - MARGIN.left - MARGIN.right)
  const y = (speed: number) => {
    const height = HEIGHT - MARGIN.top - MARGIN.bottom
    return HEIGHT - MARGIN.bottom - ((Math.log2(speed) - low) / (high - low)) * height
  }
  const columns = Array.from({ length: high + 1 }, (_, i) => 2 ** i)
  const rows = Array.from({ length: high - low + 1 }, (_, i) => 2 ** (low + i))
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(WIDTH / 2, 24, title, 'middle', 15),
    ...columns.flatMap((gpus) => [
      line(x(gpus), y(2 ** low), x(gpus), y(2 ** high), '#e5e5e5'),
      text(x(gpus), HEIGHT - MARGIN.bottom + 18, String(gpus), 'middle'),
    ]),
    ...rows.flatMap((speed) => [
      line(x(1), y(speed), x(2 ** high), y(speed), '#e5e5e5'),
      text(MARGIN.left - 8, y(speed) + 4, String(speed), 'end'),
    ]),
    text(WIDTH / 2, HEIGHT - 14, 'GPUs', 'middle'),
    `<g transform="rotate(-90 16 ${HEIGHT / 2})">${text(16, HEIGHT / 2, 'times the speed of one GPU', 'middle')}</g>`,
    `<path d="M${x(1)} ${y(1)}L${x(2 ** high)} ${y(2 ** high)}" stroke="#555" stroke-dasharray="5 4" fill="none"/>`,
    ...series.flatMap((one, at) => drawn(one, at, x, y)),
    ...['ideal', ...series.map(({ name }) => name)].flatMap((name, at) => legend(name, at)),
    '</svg>',
  ]
  return `${parts.join('\n')}\n`
}

function drawn(
  { points }: Series,
  at: number,
  x: (gpus: number) => number,
  y: (speed: number) => number,
): string[] {
  const sorted = points.filter(({ speedUp }) => speedUp > 0).sort((a, b) => a.gpus - b.gpus)
  const path = sorted.map(
    ({ gpus, speedUp }, i) => `${i === 0 ? 'M' : 'L'}${round(x(gpus))} ${round(y(speedUp))}`,
  )
  return [
    `<path d="${path.join('')}" stroke="${colour(at)}" stroke-width="1.5" fill="none"/>`,
    ...sorted.map(({ gpus, speedUp }) => mark(at, x(gpus), y(speedUp))),
  ]
}

function legend(name: string, at: number): string[] {
  const y = MARGIN.top + 14 + at * 18
  const x = MARGIN.left + 14
  const sample =
    at === 0 ? `<path d="M${x - 8} ${y}h16" stroke="#555" stroke-dasharray="5 4"/>` : mark(at - 1, x, y)
  return [sample, text(x + 14, y + 4, name, 'start')]
}

function mark(at: number, x: number, y: number): string {
  const [cx, cy] = [round(x), round(y)]
  const fill = `fill="${colour(at)}"`
  switch (MARKS[at % MARKS.length]!) {
    case 'circle':
      return `<circle cx="${cx}" cy="${cy}" r="4" ${fill}/>`
    case 'square':
      return `<path d="M${cx - 4} ${cy - 4}h8v8h-8z" ${fill}/>`
    case 'diamond':
      return `<path d="M${cx} ${cy - 5}l5 5l-5 5l-5 -5z" ${fill}/>`
    case 'triangle':
      return `<path d="M${cx} ${cy - 5}l5 9h-10z" ${fill}/>`
  }
}

function colour(at: number): string {
  return COLOURS[at % COLOURS.length]!
}

function line(x1: number, y1: number, x2: number, y2: number, stroke: string): string {
  return `<path d="M${round(x1)} ${round(y1)}L${round(x2)} ${round(y2)}" stroke="${stroke}"/>`
}

function text(x: number, y: number, content: string, anchor: string, size = 12): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" font-size="${size}">${escaped(content)}</text>`
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function round(value: number): number {
  return Math.round(10 * value) / 10
}
