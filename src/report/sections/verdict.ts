import { integer, percent, plural } from '../../text/numbers.ts'
import type { Calls } from '../calls.ts'
import { shareBar } from '../chart/shares.ts'
import type { Contigs } from '../contigs.ts'
import { html, type Markup } from '../html.ts'
import { legend, number, path, rest, table } from '../parts.ts'
import { type ChunkCounts, chunkCounts, type Summary } from '../summary.ts'
import type { Tracks } from '../tracks.ts'
import { inputName, OUTCOMES, reasonText } from './contigs.ts'

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

function tile(series: string, name: string, value: number, note: string): Markup {
  return html`<div class="tile ${series}">${name}<b>${integer(value)}</b><span class="soft">${note}</span></div>`
}

/** What was found, in numbers a reader takes in at a glance. */
export function verdict({ counts }: Summary, contigs: Contigs | undefined): Markup {
  const chunks = chunkCounts(counts)
  const called = counts.calledChunks
  return html`${contigs && contigVerdict(contigs)}
<section aria-label="Calls">
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

function contigVerdict({ counts, reasons }: Contigs): Markup {
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0)
  const of = (key: keyof typeof counts) => `${percent(counts[key], all)} of ${plural(all, 'record')}`
  const parts = OUTCOMES.map(([key, name, series]) => ({ name, count: counts[key], series }))
  return html`<section aria-label="Calls of contigs">
<div class="tiles">
${tile('viral', 'Viral contigs', counts.viral, of('viral'))}
${tile('ambiguous', 'Ambiguous contigs', counts.ambiguous, of('ambiguous'))}
${tile('others', 'Contigs not viral', counts.non_viral, of('non_viral'))}
${tile('none', 'Contigs without a call', counts.uncalled, counts.uncalled === 0 ? of('uncalled') : `${of('uncalled')}; ${mainReason(reasons)}`)}
</div>
${shareBar(parts)}
${legend(parts)}
</section>
`
}

/** The most frequent reason and how often it was; a dash where there is none. */
function mainReason(reasons: ReadonlyMap<string, number>): string {
  const [first] = [...reasons].sort(([, a], [, b]) => b - a)
  return first === undefined ? '–' : `${reasonText(first[0])}: ${integer(first[1])}`
}

/** What became of each input, and why what is silent is. */
export function perInput(
  summary: Summary,
  calls: Calls,
  contigs: Contigs | undefined,
  tracks: Tracks | undefined,
): Markup {
  const rows = summary.inputs.slice(0, SHOWN_INPUTS).map((input, i) => {
    const called = calls.inputs[i] ?? { viralChunks: 0, calledChunks: 0 }
    const chunks = chunkCounts({ ...input, ...called })
    const numbers = [
      ...[input.records, input.bases, input.chunks],
      ...[chunks.viral, chunks.others, chunks.withoutFrame],
    ]
    const ofContigs = contigs?.inputs[i]
    return [
      inputName(input.path),
      ...numbers.map(integer),
      percent(chunks.viral, called.calledChunks),
      ...(tracks === undefined ? [] : [mainReason(tracks.silences[i] ?? new Map())]),
      ...(ofContigs === undefined ? [] : OUTCOMES.map(([key]) => integer(ofContigs[key]))),
      shareBar(shares(chunks)),
    ]
  })
  return html`<h2>Calls per input</h2>
${table(
  'Calls per input',
  [
    path('Input'),
    ...['Records', 'Bases', 'Chunks', 'Viral', 'Not viral', 'No open frame', 'Viral of called'].map(number),
    ...(tracks === undefined ? [] : ['Main reason of silence']),
    ...(contigs === undefined ? [] : OUTCOMES.map(([, name]) => number(`Contigs ${name}`))),
    'Chunks',
  ],
  rows,
)}
${rest(SHOWN_INPUTS, summary.inputs.length, 'summary.json')}
`
}
