import type { LengthSummary } from '../../monitor/index.ts'
import { compact, decimal, integer, plural } from '../../text/numbers.ts'
import { type Calls, SCORE_BINS, type ScoreHistogram } from '../calls.ts'
import { type BarChart, barChart } from '../chart/bars.ts'
import { decades, ticks } from '../chart/scale.ts'
import { type Contigs, DELTA_BINS } from '../contigs.ts'
import { html, type Markup } from '../html.ts'
import { figure, legend, number, table } from '../parts.ts'
import type { Summary } from '../summary.ts'

/** Scores and lengths. */
export function distributions(
  { lengths, counts, settings }: Summary,
  calls: Calls,
  contigs: Contigs | undefined,
): Markup {
  return html`<h2>Scores and lengths</h2>
<div class="charts pair">
${contigs && deltas(contigs)}
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

function deltas({ deltas: bins }: Contigs): Markup {
  const title = 'Contig calls'
  const bars = bins.viral.map((viral, bin) => ({
    from: (2 * bin) / DELTA_BINS - 1,
    to: (2 * (bin + 1)) / DELTA_BINS - 1,
    parts: [
      { count: bins.non_viral[bin] as number, series: 'others', name: 'not viral' },
      { count: bins.ambiguous[bin] as number, series: 'ambiguous', name: 'ambiguous' },
      { count: viral, series: 'viral', name: 'viral' },
    ],
  }))
  const total = bars.reduce((sum, { parts }) => sum + parts.reduce((all, { count }) => all + count, 0), 0)
  if (total === 0) return nothing(title, 'No contig has a call.')
  return histogramFigure({
    title: `${title}: histogram of ${plural(total, 'contig')}`,
    description: 'Weighted difference of the scores of each contig, by its call.',
    bars,
    x: {
      title: 'weighted difference',
      from: -1,
      to: 1,
      ticks: [-1, -0.5, 0, 0.5, 1],
      label: (value) => String(Number(value.toFixed(2))).replace('-', '\u2212'),
    },
    yTitle: 'contigs',
    heading: title,
    unit: 'Weighted difference',
    legend: legend([
      { name: 'viral', series: 'viral' },
      { name: 'ambiguous', series: 'ambiguous' },
      { name: 'not viral', series: 'others' },
    ]),
    caption:
      'The weighted difference of the scores is near 1 where all says viral and near \u22121 where nothing does; by default it decides the call. Reads are contigs of one chunk.',
  })
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
  const one = noun.slice(0, -1)
  return histogramFigure({
    title: `${title}: histogram of ${plural(total, one)}`,
    description: caption,
    bars,
    x: {
      title: 'viral score',
      from: 0,
      to: 1,
      ticks: [0, 0.25, 0.5, 0.75, 1],
      label: (value) => String(Number(value.toFixed(2))),
    },
    yTitle: noun,
    heading: title,
    unit: 'Score',
    legend: legend([
      { name: 'viral', series: 'viral' },
      { name: 'not viral', series: 'others' },
    ]),
    caption: `${caption}${histogram.missing > 0 ? ` ${plural(histogram.missing, one)} without a score.` : ''}`,
  })
}

function records(lengths: LengthSummary): Markup {
  const title = 'Contig and read lengths'
  if (lengths.count === 0) return nothing(title, 'No records.')
  const first = Math.max(1, lengths.bins[0]?.from ?? 1)
  // The axis ends at a whole or a half power of ten: a file of contigs of one size must not fill a tenth of it.
  const range = decades(first, lengths.bins.at(-1)?.below ?? 10)
  const [from, to] = [range[0] as number, range.at(-1) as number]
  const x = { title: 'bases', from, to, log: true, ticks: logTicks(from, to), label: compact }
  return lengthFigure(title, 'record', lengths, x, '')
}

function chunks(lengths: LengthSummary, withoutFrame: number, expected: unknown): Markup {
  const title = 'Chunk lengths'
  if (lengths.count === 0) return nothing(title, 'No chunks.')
  const longest = Math.max(lengths.longest, typeof expected === 'number' ? expected : 0)
  const marks = ticks(longest, 5).filter((value) => value <= longest)
  const x = { title: 'bases', from: 0, to: longest + 1, ticks: marks, label: integer }
  const more = ` All chunks count, also the ${integer(withoutFrame)} without an open frame.`
  return lengthFigure(title, 'chunk', lengths, x, more)
}

function lengthFigure(
  title: string,
  noun: string,
  { count, total, shortest, longest, bins }: LengthSummary,
  x: BarChart['x'],
  more: string,
): Markup {
  const range = `${integer(shortest)} to ${integer(longest)} bases`
  return histogramFigure({
    title: `${title}: histogram of ${plural(count, noun)}`,
    description: `From ${range}.`,
    bars: bins.map((bin) => ({
      from: Math.max(x.from, bin.from),
      to: bin.below,
      parts: [{ count: bin.count, series: 's1', name: `${noun}s` }],
    })),
    x,
    yTitle: `${noun}s`,
    heading: title,
    unit: 'Bases',
    label: integer,
    caption: `${plural(count, noun)} of ${range}, ${decimal(total / count)} on average.${more}`,
  })
}

interface HistogramFigure extends BarChart {
  heading: string
  unit: string
  /** How the table of numbers writes a value of the axis. @default as the axis does */
  label?(value: number): string
  legend?: Markup
  caption: string
}

function histogramFigure({ heading, unit, legend: colours, caption, ...chart }: HistogramFigure): Markup {
  const { bars, x, label = x.label } = chart
  const names = bars[0]?.parts.map(({ name }) => name) ?? []
  const rows = bars
    .filter(({ parts }) => parts.some(({ count }) => count > 0))
    .map(({ from, to, parts }) => [
      `${label(from)} to ${label(to)}`,
      ...parts.map(({ count }) => integer(count)),
    ])
  const numbers = table(`${heading}, numbers`, [unit, ...names.map(number)], rows)
  return figure({ title: heading, chart: barChart(chart), legend: colours, caption, numbers })
}

/** Powers of ten, and 2 and 5 times them where there is room. */
function logTicks(from: number, to: number): number[] {
  const factors = Math.log10(to / from) <= 2 ? [1, 2, 5] : [1]
  return decades(from, to)
    .flatMap((power) => factors.map((factor) => factor * power))
    .filter((value) => value >= from && value <= to)
}

function nothing(title: string, text: string): Markup {
  return html`<figure><h3>${title}</h3><p class="soft">${text}</p></figure>
`
}
