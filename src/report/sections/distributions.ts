import type { LengthSummary } from '../../monitor/index.ts'
import { compact, decimal, integer, plural } from '../../text/numbers.ts'
import { type Calls, SCORE_BINS, type ScoreHistogram } from '../calls.ts'
import { type BarChart, barChart } from '../chart/bars.ts'
import { decades, ticks } from '../chart/scale.ts'
import { html, type Markup } from '../html.ts'
import { type Column, figure, legend, table } from '../parts.ts'
import type { Summary } from '../summary.ts'

/** Scores and lengths. */
export function distributions({ lengths, counts, settings }: Summary, calls: Calls): Markup {
  return html`<h2>Scores and lengths</h2>
<div class="charts pair">
${scores(
  'Chunk scores',
  'chunks',
  calls.chunks,
  'The score of a chunk is the best viral score among its frames. It is viral where that is at least its best other score.',
)}
${scores('Frame scores', 'frames', calls.frames, 'The viral score of each open frame; above one half it is viral.')}
${records(lengths.records)}
${chunks(lengths.chunks, counts.chunksWithoutFrame, settings.expectedLength)}
</div>
`
}

function scores(title: string, noun: string, histogram: ScoreHistogram, caption: string): Markup {
  const bars = histogram.viral.map((viral, bin) => ({
    from: bin / SCORE_BINS,
    to: (bin + 1) / SCORE_BINS,
    parts: [
      { count: histogram.others[bin] as number, series: 'others', name: `${noun} not viral` },
      { count: viral, series: 'viral', name: `viral ${noun}` },
    ],
  }))
  const total = bars.reduce((sum, { parts }) => sum + parts.reduce((all, { count }) => all + count, 0), 0)
  if (total === 0) return nothing(title, `No ${noun} with a score.`)
  const x = {
    title: 'viral score',
    from: 0,
    to: 1,
    ticks: [0, 0.25, 0.5, 0.75, 1],
    label: (value: number) => String(Number(value.toFixed(2))),
  }
  return figure({
    title,
    chart: barChart({
      title: `${title}: histogram of ${plural(total, noun.slice(0, -1))}`,
      description: caption,
      bars,
      x,
      yTitle: noun,
    }),
    legend: legend([
      { name: 'viral', series: 'viral' },
      { name: 'not viral', series: 'others' },
    ]),
    caption: `${caption}${histogram.missing > 0 ? ` ${plural(histogram.missing, noun.slice(0, -1))} without a score.` : ''}`,
    numbers: histogramTable(title, 'Score', x, bars),
  })
}

function records(lengths: LengthSummary): Markup {
  const title = 'Contig and read lengths'
  if (lengths.count === 0) return nothing(title, 'No records.')
  const bars = lengthBars(lengths, 'records')
  const first = Math.max(1, bars[0]?.from ?? 1)
  const range = decades(first, bars.at(-1)?.to ?? 10)
  // The axis ends at a whole or a half power of ten: a file of contigs of one size must not fill a tenth of it.
  const from = range[0] as number
  const to = range.at(-1) as number
  const x: BarChart['x'] = { title: 'bases', from, to, log: true, ticks: logTicks(from, to), label: compact }
  return figure({
    title,
    chart: barChart({
      title: `${title}: histogram of ${plural(lengths.count, 'record')}`,
      description: `From ${integer(lengths.shortest)} to ${integer(lengths.longest)} bases.`,
      bars: bars.map((bar) => ({ ...bar, from: Math.max(from, bar.from) })),
      x,
      yTitle: 'records',
    }),
    caption: describe(lengths, 'record'),
    numbers: histogramTable(title, 'Bases', { ...x, label: integer }, bars),
  })
}

function chunks(lengths: LengthSummary, withoutFrame: number, expected: unknown): Markup {
  const title = 'Chunk lengths'
  if (lengths.count === 0) return nothing(title, 'No chunks.')
  const bars = lengthBars(lengths, 'chunks')
  const longest = Math.max(lengths.longest, typeof expected === 'number' ? expected : 0)
  const x = {
    title: 'bases',
    from: 0,
    to: longest + 1,
    ticks: ticks(longest, 5).filter((value) => value <= longest),
    label: integer,
  }
  return figure({
    title,
    chart: barChart({
      title: `${title}: histogram of ${plural(lengths.count, 'chunk')}`,
      description: `From ${integer(lengths.shortest)} to ${integer(lengths.longest)} bases.`,
      bars,
      x,
      yTitle: 'chunks',
    }),
    caption: `${describe(lengths, 'chunk')} All chunks count, also the ${integer(withoutFrame)} without an open frame.`,
    numbers: histogramTable(title, 'Bases', x, bars),
  })
}

function lengthBars({ bins }: LengthSummary, noun: string) {
  return bins.map(({ from, below, count }) => ({
    from,
    to: below,
    parts: [{ count, series: 's1', name: noun }],
  }))
}

function describe({ count, total, shortest, longest }: LengthSummary, noun: string): string {
  return `${plural(count, noun)} of ${integer(shortest)} to ${integer(longest)} bases, ${decimal(total / count)} on average.`
}

/** Powers of ten, and 2 and 5 times them where there is room. */
function logTicks(from: number, to: number): number[] {
  const factors = Math.log10(to / from) <= 2 ? [1, 2, 5] : [1]
  return decades(from, to)
    .flatMap((power) => factors.map((factor) => factor * power))
    .filter((value) => value >= from && value <= to)
}

function histogramTable(
  title: string,
  unit: string,
  x: Pick<BarChart['x'], 'label'>,
  bars: BarChart['bars'],
): Markup {
  const names = bars[0]?.parts.map(({ name }) => name) ?? []
  const columns: Column[] = [{ name: unit }, ...names.map((name) => ({ name, kind: 'number' as const }))]
  const rows = bars
    .filter(({ parts }) => parts.some(({ count }) => count > 0))
    .map(({ from, to, parts }) => [
      `${x.label(from)} to ${x.label(to)}`,
      ...parts.map(({ count }) => integer(count)),
    ])
  return table(`${title}, numbers`, columns, rows)
}

function nothing(title: string, text: string): Markup {
  return html`<figure><h3>${title}</h3><p class="soft">${text}</p></figure>
`
}
