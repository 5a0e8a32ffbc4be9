import { bytes, decimal, duration, integer, percent } from '../../text/numbers.ts'
import { type LineChart, lineChart } from '../chart/lines.ts'
import { shareBar } from '../chart/shares.ts'
import { spanChart } from '../chart/spans.ts'
import { html, type Markup } from '../html.ts'
import { figure, legend, table } from '../parts.ts'
import type { Summary } from '../summary.ts'
import type { Series, Timeline } from '../timeline.ts'

const MODELS = [
  ['dnabert_s', 'DNABERT-S'],
  ['esm2', 'ESM-2'],
] as const

const STAGES: Readonly<Record<string, string>> = {
  reading: 'reading',
  dnabert_s: 'DNABERT-S',
  esm2: 'ESM-2',
  classifier: 'classifier',
  checkpoint: 'checkpoints',
  tables: 'tables',
}

/** How the run went: load and speed over time, stages, padding. */
export function course(summary: Summary, timeline: Timeline | undefined): Markup {
  const sampled = timeline !== undefined && timeline.seconds > 0
  const charts = sampled ? timelineCharts(timeline) : []
  return html`<h2>Course of the run</h2>
${
  timeline === undefined
    ? html`<p class="soft">No metrics were written, so there is no timeline.</p>`
    : charts.length === 0 &&
      html`<p class="soft">The run ended before its first sample, so there is no timeline.</p>`
}
<div class="charts">
${charts}${stages(summary)}${padding(summary)}
</div>
`
}

function timelineCharts(timeline: Timeline): Markup[] {
  const over = (title: string, series: readonly Series[], y: LineChart['y'], caption?: string) =>
    series.some(({ points }) => points.some(([, value]) => value !== undefined))
      ? [overTime(title, series, timeline, y, caption)]
      : []
  const percentage = { title: 'busy', most: 1, label: (value: number) => `${Math.round(100 * value)} %` }
  const memory = (value: number) => (value === 0 ? '0' : bytes(value))
  return [
    ...over('Busy share of each device', timeline.busy, percentage),
    ...over('Tokens per second', timeline.tokens, { title: 'tokens/s' }, 'Padding is not counted.'),
    ...over('Memory of the devices', timeline.memory, { title: 'in use', label: memory }),
    ...over('Memory of the program', [timeline.resident], { title: 'resident', label: memory }),
  ]
}

const DASHES = [undefined, '6 3', '2 3', '8 3 2 3'] as const

function overTime(
  title: string,
  series: readonly Series[],
  { seconds, restarts }: Timeline,
  y: LineChart['y'],
  caption: string | undefined,
): Markup {
  const lines = series.map(({ name, points }, i) => {
    const dash = DASHES[Math.floor(i / 6 + (i % 6 === i ? i : 0)) % DASHES.length]
    return { name, points, series: `s${(i % 6) + 1}`, ...(dash !== undefined && { dash }) }
  })
  const label = y.label ?? decimal
  return figure({
    title,
    chart: lineChart({
      title: `${title} over ${duration(seconds)}`,
      description: lines.map(({ name, points }) => `${name}: ${range(points, label)}`).join('; '),
      lines,
      seconds,
      restarts,
      y,
    }),
    legend: legend(lines.map(({ name, series: color, dash }) => ({ name, series: color, line: true, dash }))),
    caption:
      [caption, restarts.length > 0 && `Broken upright lines: the run was continued; pauses are left out.`]
        .filter(Boolean)
        .join(' ') || undefined,
    numbers: table(
      `${title}, numbers`,
      [
        { name: 'Line' },
        { name: 'Least', kind: 'number' },
        { name: 'Mean', kind: 'number' },
        { name: 'Most', kind: 'number' },
      ],
      lines.map(({ name, points }) => {
        const { least, mean, most } = extremes(points)
        return [name, label(least), label(mean), label(most)]
      }),
    ),
  })
}

function extremes(points: Series['points']) {
  const values = points.flatMap(([, value]) => value ?? [])
  const mean = values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
  return { least: Math.min(...values), mean, most: Math.max(...values) }
}

function range(points: Series['points'], label: (value: number) => string): string {
  const { least, mean, most } = extremes(points)
  return `${label(least)} to ${label(most)}, ${label(mean)} on average`
}

function stages({ stages: list, time }: Summary): Markup | false {
  if (list.length === 0) return false
  const spans = list.map((stage) => ({ ...stage, name: STAGES[stage.name] ?? stage.name }))
  const seconds = Math.max(time.seconds, ...spans.map(({ end }) => end), 0.001)
  return figure({
    title: 'Stages',
    chart: spanChart(
      'When each stage ran',
      spans.map(({ name, busySeconds }) => `${name} busy for ${duration(busySeconds)}`).join('; '),
      spans,
      seconds,
    ),
    caption: `The pale bar lasts from the stage's first work to its last; the strong one, and the number, is the time in which it had work under way. Stages overlap.${time.continued ? ' Only the last start of the run counts.' : ''}`,
    numbers: table(
      'Stages, numbers',
      [
        { name: 'Stage' },
        { name: 'From', kind: 'number' },
        { name: 'To', kind: 'number' },
        { name: 'Busy', kind: 'number' },
      ],
      spans.map(({ name, start, end, busySeconds }) => [
        name,
        duration(start),
        duration(end),
        duration(busySeconds),
      ]),
    ),
  })
}

function padding({ computed, speed, time }: Summary): Markup {
  const column = (of: (model: 'dnabert_s' | 'esm2') => string) => MODELS.map(([model]) => of(model))
  const rows = [
    ['Different sequences', ...column((model) => integer(computed[model].sequences))],
    ['Tokens', ...column((model) => integer(computed[model].tokens))],
    ['With padding', ...column((model) => integer(computed[model].paddedTokens))],
    ['Tokens/s', ...column((model) => decimal(speed.tokensPerSecond[model]))],
  ]
  const bars = MODELS.map(([model, name]) => {
    const { tokens, paddedTokens } = computed[model]
    return html`<p class="share-row">${name}, ${percent(paddedTokens - tokens, paddedTokens)} padding</p>
${shareBar([
  { name: 'tokens', count: tokens, series: 's1' },
  { name: 'padding', count: paddedTokens - tokens, series: 'none' },
])}`
  })
  return figure({
    title: 'Work of the models',
    legend: legend([
      { name: 'tokens', series: 's1' },
      { name: 'padding', series: 'none' },
    ]),
    chart: html`${bars}
${table(
  'Work of the models',
  [{ name: '' }, ...MODELS.map(([, name]) => ({ name, kind: 'number' as const }))],
  rows,
)}`,
    caption: `Equal sequences of a window are computed once. ${decimal(speed.framesPerSecond)} frames a second over ${duration(time.seconds)}.${time.continued ? ' Only the last start of the run counts.' : ''}`,
  })
}
