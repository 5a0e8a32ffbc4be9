import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { COLOURS, escaped, type Scheme } from './schemes.ts'

const ROOT = join(import.meta.dir, '../..')

/** What a run passes through: where it is drawn, what it does, and the rooms of `src` that do it. */
interface Box {
  readonly x: number
  readonly y: number
  readonly title: string
  readonly what: readonly string[]
  readonly rooms?: readonly string[]
}

const BOX = { width: 172, height: 84 }

const BOXES = {
  input: { x: 16, y: 60, title: 'Input', what: ['FASTA, FASTQ, BAM', 'files or pipes'], rooms: ['fasta'] },
  frames: {
    x: 228,
    y: 60,
    title: 'Frames',
    what: ['chunks, six frames,', 'open ones are kept'],
    rooms: ['sequence'],
  },
  batches: {
    ...{ x: 440, y: 60, title: 'Batches', what: ['equal sequences once,', 'sorted, packed'] },
    rooms: ['tokenizers', 'batching'],
  },
  queue: {
    x: 652,
    y: 60,
    title: 'One queue per model',
    what: ['every device pulls;', 'failures go elsewhere'],
    rooms: ['dispatch'],
  },
  here: { x: 864, y: 12, title: 'This process', what: ['ONNX Runtime on', 'the CPU'], rooms: ['onnx'] },
  servers: {
    x: 864,
    y: 108,
    title: 'Triton servers',
    what: ['one for each GPU,', 'TensorRT plans'],
    rooms: ['server'],
  },
  journal: {
    x: 652,
    y: 236,
    title: 'Journal',
    what: ['every batch, by content:', 'a run can stop any time'],
    rooms: ['checkpoint'],
  },
  classifier: {
    x: 440,
    y: 236,
    title: 'Scores',
    what: ['classifier: virus and', 'others, for each frame'],
    rooms: ['predict'],
  },
  tables: {
    x: 228,
    y: 188,
    title: "The original's tables",
    what: ['frames and chunks,', 'to the byte'],
    rooms: ['tables'],
  },
  results: {
    x: 228,
    y: 284,
    title: 'Calls and report',
    what: ['contigs, viral records,', 'one page'],
    rooms: ['results', 'report'],
  },
} as const satisfies Record<string, Box>

type Name = keyof typeof BOXES

const ARROWS: readonly (readonly [from: Name, to: Name])[] = [
  ['input', 'frames'],
  ['frames', 'batches'],
  ['batches', 'queue'],
  ['queue', 'here'],
  ['queue', 'servers'],
  ['journal', 'classifier'],
  ['classifier', 'tables'],
  ['classifier', 'results'],
]

const SIZE = { width: 1052, height: 384 }

/** The way of a sequence through the program. @throws Error where a room is no longer there */
export function architecture(scheme: Scheme): string {
  const { paper, card, edge, ink, soft, accent } = COLOURS[scheme]
  const boxes = Object.values<Box>(BOXES).map(({ x, y, title, what, rooms = [] }) => {
    for (const room of rooms)
      if (!existsSync(join(ROOT, 'src', room)))
        throw new Error(`the diagram has a room ${room}, and src does not`)
    const line = (text: string, at: number, look: string) =>
      `<text x="${x + BOX.width / 2}" y="${y + at}" ${look}>${escaped(text)}</text>`
    return [
      `<rect x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="8" fill="${card}" stroke="${edge}"/>`,
      line(title, 20, `font-weight="bold" fill="${ink}"`),
      ...what.map((text, at) => line(text, 39 + 16 * at, `fill="${ink}"`)),
      line(rooms.join(', '), 75, `font-size="11" font-family="monospace" fill="${soft}"`),
    ].join('\n')
  })
  const arrows = ARROWS.map(
    ([from, to]) => `<path d="${way(BOXES[from], BOXES[to])}" marker-end="url(#end)"/>`,
  )
  // Whatever computes, the answers go the same way.
  const { x, y } = BOXES.here
  const bottom = BOXES.servers.y + BOX.height + 8
  const middle = BOXES.journal.y + BOX.height / 2
  const back = `M${x + BOX.width / 2} ${bottom}V${middle}H${BOXES.journal.x + BOX.width + 2}`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIZE.width} ${SIZE.height}" width="${SIZE.width}" height="${SIZE.height}" font-family="system-ui, 'DejaVu Sans', sans-serif" font-size="13" text-anchor="middle">
<title>The way of a sequence through the program</title>
<defs><marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0L8 4L0 8z" fill="${accent}"/></marker></defs>
<rect width="${SIZE.width}" height="${SIZE.height}" rx="8" fill="${paper}"/>
<g fill="none" stroke="${accent}" stroke-width="2">
${arrows.join('\n')}
<path d="${back}" marker-end="url(#end)"/>
</g>
<rect x="${x - 8}" y="${y - 8}" width="${BOX.width + 16}" height="${bottom - y + 8}" rx="10" fill="none" stroke="${edge}" stroke-dasharray="4 4"/>
${boxes.join('\n')}
</svg>
`
}

/** From the side of a box that looks at the other one. */
function way(from: Box, to: Box): string {
  const middle = ({ y }: Box) => y + BOX.height / 2
  const [start, end] = to.x > from.x ? [from.x + BOX.width, to.x - 2] : [from.x, to.x + BOX.width + 2]
  return `M${start} ${middle(from)}L${end} ${middle(to)}`
}
