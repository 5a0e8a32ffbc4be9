import { CALLS, type ResultsCounts, TIERS } from '../../results/index.ts'
import { printable, printableJson } from '../../system/printable.ts'
import { integer, plural } from '../../text/numbers.ts'
import script from '../client/contig-table.js' with { type: 'text' }
import { type Contig, type Contigs, SHOWN_CONTIGS } from '../contigs.ts'
import { html, Markup } from '../html.ts'
import { legend, number, path, table } from '../parts.ts'
import type { Summary } from '../summary.ts'
import type { Tracks } from '../tracks.ts'

/** What may become of a record: its key, as people say it, and the class of its colour. */
export const OUTCOMES = [
  ['viral', 'viral', 'viral'],
  ['ambiguous', 'ambiguous', 'ambiguous'],
  ['non_viral', 'not viral', 'others'],
  ['uncalled', 'no call', 'none'],
] as const satisfies readonly (readonly [keyof ResultsCounts, string, string])[]

const REASONS: Readonly<Record<string, string>> = {
  no_open_frame: 'no open frame',
  ambiguous_bases: 'ambiguous bases',
  too_short: 'too short',
  empty: 'empty',
  failed: 'not computed',
  below_min_length: 'shorter than asked for',
}

/** A reason as people say it. */
export function reasonText(reason: string): string {
  return REASONS[reason] ?? reason.replaceAll('_', ' ')
}

/** Rows for readers whose browser runs no script. */
const STATIC_ROWS = 50

/** The ranked contigs with a track of scores each, or why there are none. */
export function contigTable(
  summary: Summary,
  found: Contigs | undefined,
  tracks: Tracks | undefined,
): Markup {
  if (found === undefined || tracks === undefined)
    return html`<h2>Contigs</h2>
<p>This run has no <code>contigs.tsv</code>: an earlier version of the program made it, or the file was removed. The command of the run makes it without computing anything; after that, <code>virnucpro report</code> shows contigs here.</p>
`
  return html`<h2 id="contigs">Contigs</h2>
${
  found.ranked.length === 0
    ? nothingToRank(found)
    : html`${explained(found)}
<div id="contig-table"></div>
<noscript>${fixedTable(found.ranked)}</noscript>
<script type="application/json" id="contig-data">${embedded(summary, found.ranked, tracks)}</script>
<script>${new Markup(script)}</script>`
}
${found.ranked.length !== 1 && tiers(found)}
`
}

/** For the policy of the page, which allows this script and no other. */
export function scriptDigest(): string {
  return `'sha256-${new Bun.CryptoHasher('sha256').update(script).digest('base64')}'`
}

function nothingToRank({ counts }: Contigs): Markup {
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0)
  return all === 0
    ? html`<p class="soft">The input has no records.</p>`
    : html`<p>None of the ${plural(all, 'record')} has more than one chunk, as it is with reads. They are counted above and below; <code>contigs.tsv</code> has a row for each.</p>`
}

function explained({ counts, ranked, hasOnlyLonger }: Contigs): Markup {
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0)
  const left = [
    ...(hasOnlyLonger ? ['Records of a single chunk are not listed.'] : []),
    ...(ranked.length === SHOWN_CONTIGS ? [`These are the first ${integer(ranked.length)} by rank.`] : []),
  ]
  return html`<p>Viral contigs first, by tier and weighted difference. In the track of a contig red stands up by the score for virus, blue hangs down by the one for others, empty places have no score, and the line on top marks viral stretches; a name opens it large.${
    left.length > 0 &&
    html` <strong>${left.join(' ')}</strong> <code>contigs.tsv</code> has all ${integer(all)} records, <code>viral.fasta.gz</code> all that are called viral, <code>viral.bed</code> all viral stretches.`
  }</p>
${legend([
  { name: 'virus', series: 'viral' },
  { name: 'others', series: 'others' },
  { name: 'viral stretch', series: 'stretch' },
])}`
}

function fixedTable(contigs: readonly Contig[]): Markup {
  const four = (score: number) => (Number.isNaN(score) ? '–' : score.toFixed(4))
  const rows = contigs
    .slice(0, STATIC_ROWS)
    .map(({ name, length, call, tier, delta, virus, others, viralChunks, scored, reason }, i) => [
      integer(i + 1),
      name,
      Number.isNaN(length) ? '–' : integer(length),
      call === undefined ? `no call: ${reasonText(reason)}` : outcome(call),
      tier ?? '–',
      ...[delta, virus, others].map(four),
      `${integer(viralChunks)} of ${integer(scored)}`,
    ])
  return html`<p>Without scripts these are the first ${integer(rows.length)}, without their tracks.</p>
${table(
  'First contigs',
  [
    ...[number('Rank'), path('Contig'), number('Length'), 'Call', 'Tier'],
    ...['Weighted difference', 'Virus', 'Others', 'Viral chunks'].map(number),
  ],
  rows,
)}`
}

function outcome(key: keyof ResultsCounts): string {
  return OUTCOMES.find(([known]) => known === key)?.[1] ?? key
}

/** The rows as client/contig-table.js reads them. */
function embedded({ inputs }: Summary, contigs: readonly Contig[], { scores, stretches }: Tracks): Markup {
  const rows = contigs.map((contig) => [
    printable(contig.name),
    contig.input,
    contig.length,
    contig.chunks,
    contig.scored,
    contig.viralChunks,
    contig.virus,
    contig.others,
    contig.delta,
    OUTCOMES.findIndex(([key]) => key === (contig.call ?? 'uncalled')),
    contig.tier === undefined ? -1 : TIERS.indexOf(contig.tier),
    contig.call === undefined ? reasonText(contig.reason) : '',
    scores.get(contig) ?? '',
    stretches.get(contig) ?? [],
  ])
  const files = inputs.map(({ path: file }) => printable(inputName(file)))
  const data = { files, calls: OUTCOMES.map(([, name]) => name), tiers: TIERS, rows }
  // A `<` could end the element that holds it.
  return new Markup(printableJson(data).replaceAll('<', '\\u003c'))
}

export function inputName(file: string): string {
  return file === '-' ? 'standard input' : file.split(/[\\/]/).at(-1)!
}

/** How reliable the calls are. */
function tiers({ tiers: counts }: Contigs): Markup | false {
  const rows = CALLS.map((call) => [outcome(call), ...TIERS.map((tier) => integer(counts[call][tier]))])
  return html`<h3 class="after">Calls and tiers</h3>
<p class="soft">The tier says how far a call can be relied on.</p>
${table('Calls and tiers', ['Call', ...TIERS.map((tier) => number(tier))], rows)}`
}
