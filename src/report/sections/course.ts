import { FEATURE_ORDER, MODELS, type ModelName } from '../../bundle/index.ts'
import { STAGES, type StageName } from '../../monitor/index.ts'
import { bytes, decimal, duration, integer, percent } from '../../text/numbers.ts'
import { type LineChart, lineChart } from '../chart/lines.ts'
import { shareBar } from '../chart/shares.ts'
import { spanChart } from '../chart/spans.ts'
import { html, type Markup } from '../html.ts'
import { figure, legend, number, table } from '../parts.ts'
import type { Summary } from '../summary.ts'
import type { Series, Timeline } from '../timeline.ts'

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
    ...over('Memory of the program', timeline.resident, { title: 'resident', label: memory }),
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
  const label = y.label ?? decimal
  const lines = series.map(({ name, points }, i) => {
    const dash = DASHES[(i < 6 ? i : Math.floor(i / 6)) % DASHES.length]
    return { name, points, series: `s${(i % 6) + 1}`, ...(dash !== undefined && { dash }) }
  })
  const rows = lines.map(({ name, points }) => {
    const values = points.flatMap(([, value]) => value ?? [])
    const mean = values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
    return [name, ...[Math.min(...values), mean, Math.max(...values)].map(label)] as const
  })
  const restarted = restarts.length > 0 && 'Broken upright lines: the run was continued; pauses are left out.'
  return figure({
    title,
    chart: lineChart({
      title: `${title} over ${duration(seconds)}`,
      description: rows
        .map(([name, least, mean, most]) => `${name}: ${least} to ${most}, ${mean} on average`)
        .join('; '),
      lines,
      seconds,
      restarts,
      y,
    }),
    legend: legend(lines.map((line) => ({ ...line, line: true }))),
    caption: [caption, restarted].filter(Boolean).join(' ') || undefined,
    numbers: table(`${title}, numbers`, ['Line', ...['Least', 'Mean', 'Most'].map(number)], rows),
  })
}

const LAST_START = ' Only the last start of the run counts.'

function stages({ stages: list, time }: Summary): Markup | false {
  if (list.length === 0) return false
  const spans = list.map((stage) => ({ ...stage, name: STAGES.get(stage.name as StageName) ?? stage.name }))
  const seconds = Math.max(time.seconds, ...spans.map(({ end }) => end), 0.001)
  const description = spans
    .map(({ name, busySeconds }) => `${name} busy for ${duration(busySeconds)}`)
    .join('; ')
  return figure({
    title: 'Stages',
    chart: spanChart({ title: 'When each stage ran', description }, spans, seconds),
    caption: `The pale bar lasts from the stage's first work to its last; the strong one, and the number, is the time in which it had work under way. Stages overlap.${time.continued ? LAST_START : ''}`,
    numbers: table(
      'Stages, numbers',
      ['Stage', ...['From', 'To', 'Busy'].map(number)],
      spans.map(({ name, start, end, busySeconds }) => [name, ...[start, end, busySeconds].map(duration)]),
    ),
  })
}

function padding({ computed, speed, time }: Summary): Markup {
  const row = (name: string, of: (model: ModelName) => string) => [name, ...FEATURE_ORDER.map(of)]
  const rows = [
    row('Different sequences', (model) => integer(computed[model].sequences)),
    row('Tokens', (model) => integer(computed[model].tokens)),
    row('With padding', (model) => integer(computed[model].paddedTokens)),
    row('Tokens/s', (model) => decimal(speed.tokensPerSecond[model])),
  ]
  const bars = FEATURE_ORDER.map((model) => {
    const { tokens, paddedTokens } = computed[model]
    return html`<p class="share-row">${MODELS[model].label}, ${percent(paddedTokens - tokens, paddedTokens)} padding</p>
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
${table('Work of the models', ['', ...FEATURE_ORDER.map((model) => number(MODELS[model].label))], rows)}`,
    caption: `Equal sequences of a window are computed once. ${decimal(speed.framesPerSecond)} frames a second over ${duration(time.seconds)}.${time.continued ? LAST_START : ''}`,
  })
}
