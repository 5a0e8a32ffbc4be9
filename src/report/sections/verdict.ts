import { integer, percent, plural } from '../../text/numbers.ts'
import type { Calls } from '../calls.ts'
import { shareBar } from '../chart/shares.ts'
import { html, type Markup } from '../html.ts'
import { legend, number, path, rest, table } from '../parts.ts'
import { type ChunkCounts, chunkCounts, type Summary } from '../summary.ts'

/** Rows of inputs in the page; all are in the summary. */
const SHOWN_INPUTS = 400

function shares({ viral, others, withoutFrame, missing }: ChunkCounts) {
  return [
    { name: 'viral', count: viral, series: 'viral' },
    { name: 'not viral', count: others, series: 'others' },
    { name: 'without an open frame', count: withoutFrame, series: 'none' },
    ...(missing > 0 ? [{ name: 'missing, not computed', count: missing, series: 'failed' }] : []),
  ]
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
    const called = calls.inputs[i] ?? { viralChunks: 0, calledChunks: 0 }
    const chunks = chunkCounts({ ...input, ...called })
    const numbers = [
      ...[input.records, input.bases, input.chunks],
      ...[chunks.viral, chunks.others, chunks.withoutFrame],
    ]
    return [
      input.path === '-' ? 'standard input' : input.path.split(/[\\/]/).at(-1)!,
      ...numbers.map(integer),
      percent(chunks.viral, called.calledChunks),
      shareBar(shares(chunks)),
    ]
  })
  return html`<h2>Calls per input</h2>
${table(
  'Calls per input',
  [
    path('Input'),
    ...['Records', 'Bases', 'Chunks', 'Viral', 'Not viral', 'No open frame', 'Viral of called'].map(number),
    'Chunks',
  ],
  rows,
)}
${rest(SHOWN_INPUTS, summary.inputs.length, 'summary.json')}
`
}
