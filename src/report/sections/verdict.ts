import { integer, percent, plural } from '../../text/numbers.ts'
import type { Calls } from '../calls.ts'
import { shareBar } from '../chart/shares.ts'
import { html, type Markup } from '../html.ts'
import { legend, rest, table } from '../parts.ts'
import type { Summary } from '../summary.ts'

/** Rows of inputs in the page; all are in the summary. */
const SHOWN_INPUTS = 400

export interface ChunkCounts {
  viral: number
  others: number
  /** Without an open frame: never called. */
  withoutFrame: number
  /** All of whose frames failed. */
  missing: number
}

function shares({ viral, others, withoutFrame, missing }: ChunkCounts) {
  return [
    { name: 'viral', count: viral, series: 'viral' },
    { name: 'not viral', count: others, series: 'others' },
    { name: 'without an open frame', count: withoutFrame, series: 'none' },
    ...(missing > 0 ? [{ name: 'missing, not computed', count: missing, series: 'failed' }] : []),
  ]
}

export function chunkCounts(of: {
  chunks: number
  chunksWithoutFrame: number
  calledChunks: number
  viralChunks: number
}): ChunkCounts {
  return {
    viral: of.viralChunks,
    others: of.calledChunks - of.viralChunks,
    withoutFrame: of.chunksWithoutFrame,
    missing: of.chunks - of.chunksWithoutFrame - of.calledChunks,
  }
}

/** What was found, in numbers a reader takes in at a glance. */
export function verdict({ counts }: Summary): Markup {
  const chunks = chunkCounts(counts)
  const tile = (series: string, name: string, value: number, note: string) =>
    html`<div class="tile ${series}">${name}<b>${integer(value)}</b><span class="soft">${note}</span></div>`
  const called = counts.calledChunks
  return html`<section aria-label="Calls">
<div class="tiles">
${tile('viral', 'Viral chunks', chunks.viral, `${percent(chunks.viral, called)} of ${integer(called)} called`)}
${tile('others', 'Chunks not viral', chunks.others, `${percent(chunks.others, called)} of ${integer(called)} called`)}
${tile('none', 'Chunks without an open frame', chunks.withoutFrame, `${percent(chunks.withoutFrame, counts.chunks)} of ${plural(counts.chunks, 'chunk')}, not called`)}
${chunks.missing > 0 && tile('failed', 'Chunks missing', chunks.missing, 'their frames could not be computed')}
${tile('frames', 'Viral frames', counts.viralFrames, `${percent(counts.viralFrames, counts.scoredFrames)} of ${plural(counts.scoredFrames, 'scored frame')}`)}
</div>
${shareBar(shares(chunks))}
${legend(shares(chunks))}
</section>
`
}

/** The same for each input. */
export function callsPerInput(summary: Summary, calls: Calls): Markup {
  const rows = summary.inputs.slice(0, SHOWN_INPUTS).map((input, i) => {
    const called = calls.inputs[i] ?? { viralChunks: 0, calledChunks: 0, viralFrames: 0, scoredFrames: 0 }
    const chunks = chunkCounts({ ...input, ...called })
    return [
      name(input.path),
      integer(input.records),
      integer(input.bases),
      integer(input.chunks),
      integer(chunks.viral),
      integer(chunks.others),
      integer(chunks.withoutFrame),
      percent(chunks.viral, called.calledChunks),
      shareBar(shares(chunks)),
    ]
  })
  const number = (title: string) => ({ name: title, kind: 'number' as const })
  return html`<h2>Calls per input</h2>
${table(
  'Calls per input',
  [
    { name: 'Input', kind: 'path' },
    number('Records'),
    number('Bases'),
    number('Chunks'),
    number('Viral'),
    number('Not viral'),
    number('No open frame'),
    number('Viral of called'),
    { name: 'Chunks' },
  ],
  rows,
)}
${rest(SHOWN_INPUTS, summary.inputs.length, 'summary.json')}
`
}

function name(path: string): string {
  return path === '-' ? 'standard input' : (path.split(/[\\/]/).at(-1) ?? path)
}
