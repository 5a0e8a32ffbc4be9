import { FEATURE_ORDER } from '../bundle/index.ts'
import {
  type DeviceMetrics,
  MEASURES,
  type Measure,
  type MetricsSample,
  THROTTLE_REASONS,
  type WarningCode,
} from './metrics.ts'

/** What the text has beside a sample. */
export interface OpenMetricsContext {
  program: string
  backend: string
  /** Warnings so far, by kind. */
  warnings: ReadonlyMap<WarningCode, number>
  secondsLeft: number | undefined
}

type Labels = Readonly<Record<string, string>>
type Value = readonly [labels: Labels, value: number | undefined]

/**
 * A sample in the OpenMetrics text format, version 1.0.0.
 * Source: https://github.com/OpenObservability/OpenMetrics, "specification/OpenMetrics.md".
 */
export function openMetrics(sample: MetricsSample, context: OpenMetricsContext): string {
  const { frames, samples, recheck, models, devices, process, seconds, checkpointAgeSeconds } = sample
  const { program, backend, secondsLeft, warnings } = context
  return [
    family('run', 'info', 'What runs.', [[{ version: program, backend }, 1]]),
    family('run_seconds', 'gauge', 'Time since the start of this process.', [[{}, seconds]]),
    family('run_seconds_left', 'gauge', 'Time until the end, as estimated.', [[{}, secondsLeft]]),
    ...families(MEASURES.frames, (key) => [[{}, frames[key]]]),
    ...families(MEASURES.samples, (key) => [[{}, samples?.[key]]]),
    ...families(MEASURES.recheck, (key) => [[{}, recheck?.[key]]]),
    ...families(MEASURES.models, (key) => FEATURE_ORDER.map((model) => [{ model }, models[model][key]])),
    ...families(MEASURES.devices, (key) => devices.flatMap((device) => valuesOf(device, key))),
    ...families(MEASURES.process, (key) => [[{}, process[key]]]),
    family('checkpoint_age_seconds', 'gauge', 'Time since anything was made durable.', [
      [{}, checkpointAgeSeconds],
    ]),
    family(
      'warnings',
      'counter',
      'Warnings given, by kind.',
      [...warnings].map(([code, count]) => [{ code }, count]),
    ),
    '# EOF\n',
  ].join('')
}

function valuesOf(device: DeviceMetrics, key: keyof typeof MEASURES.devices): Value[] {
  const { name, kind } = device
  if (key !== 'throttled') return [[{ device: name, kind }, device[key]]]
  // One that does not throttle says so too.
  const lowered = device.throttled ?? []
  return kind !== 'gpu'
    ? []
    : THROTTLE_REASONS.map((reason) => [{ device: name, reason }, lowered.includes(reason) ? 1 : 0])
}

function families<K extends string>(
  measures: Readonly<Record<K, Measure>>,
  values: (key: K) => readonly Value[],
): string[] {
  return Object.entries<Measure>(measures).map(([key, { metric, type, help }]) =>
    family(metric, type, help, values(key as K)),
  )
}

const SUFFIXES = { info: '_info', counter: '_total', gauge: '' } as const

/** A family without a known value is left out. */
function family(name: string, type: keyof typeof SUFFIXES, help: string, values: readonly Value[]): string {
  const known = values.filter(([, value]) => value !== undefined)
  if (known.length === 0) return ''
  const full = `virnucpro_${name}`
  const lines = known.map(([labels, value]) => `${full}${SUFFIXES[type]}${labelsText(labels)} ${value}\n`)
  return `# TYPE ${full} ${type}\n# HELP ${full} ${help}\n${lines.join('')}`
}

function labelsText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
