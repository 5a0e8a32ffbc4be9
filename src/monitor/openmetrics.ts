import type { MetricsSample, WarningCode } from './metrics.ts'
import { MODELS } from './work.ts'

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
  const { frames, models, devices, process } = sample
  const ofModels = (value: (model: MetricsSample['models']['esm2']) => number): Value[] =>
    MODELS.map((model) => [{ model }, value(models[model])])
  const ofDevices = (value: (device: MetricsSample['devices'][number]) => number | undefined): Value[] =>
    devices.map((device) => [{ device: device.name, kind: device.kind }, value(device)])
  const throttled = devices
    .filter(({ kind }) => kind === 'gpu')
    .flatMap(({ name, throttled = [] }) =>
      (['power', 'thermal'] as const).map(
        (reason): Value => [{ device: name, reason }, throttled.includes(reason) ? 1 : 0],
      ),
    )
  return [
    family('run', 'info', 'What runs.', [[{ version: context.program, backend: context.backend }, 1]]),
    family('run_seconds', 'gauge', 'Time since the start of this process.', [[{}, sample.seconds]]),
    family('run_seconds_left', 'gauge', 'Time until the end, as estimated.', [[{}, context.secondsLeft]]),
    family('frames_prepared', 'counter', 'Frames read.', [[{}, frames.prepared]]),
    family('frames_done', 'counter', 'Frames of finished parts.', [[{}, frames.done]]),
    family('frames_known', 'counter', 'Frames that an earlier process had finished.', [[{}, frames.known]]),
    family(
      'sequences',
      'counter',
      'Sequences embedded.',
      ofModels(({ sequences }) => sequences),
    ),
    family(
      'tokens',
      'counter',
      'Tokens embedded.',
      ofModels(({ tokens }) => tokens),
    ),
    family(
      'padded_tokens',
      'counter',
      'Tokens embedded, padding counted.',
      ofModels((model) => model.paddedTokens),
    ),
    family(
      'planned_tokens',
      'counter',
      'Tokens of all batches planned.',
      ofModels((model) => model.plannedTokens),
    ),
    family(
      'batches',
      'counter',
      'Batches computed.',
      ofModels(({ batches }) => batches),
    ),
    family(
      'batches_in_flight',
      'gauge',
      'Batches at the backend.',
      ofModels(({ inFlight }) => inFlight),
    ),
    family(
      'batches_waiting',
      'gauge',
      'Batches planned and not sent.',
      ofModels(({ waiting }) => waiting),
    ),
    family(
      'device_busy_ratio',
      'gauge',
      'Share of time in which it computed.',
      ofDevices(({ busy }) => busy),
    ),
    family(
      'device_memory_used_bytes',
      'gauge',
      'Memory in use.',
      ofDevices((device) => device.memoryUsedBytes),
    ),
    family(
      'device_memory_size_bytes',
      'gauge',
      'Memory there is.',
      ofDevices((device) => device.memoryTotalBytes),
    ),
    family(
      'device_temperature_celsius',
      'gauge',
      'Temperature.',
      ofDevices((device) => device.temperatureCelsius),
    ),
    family(
      'device_power_watts',
      'gauge',
      'Power drawn.',
      ofDevices(({ powerWatts }) => powerWatts),
    ),
    family('device_throttled', 'gauge', 'Whether its clocks are lowered, by reason.', throttled),
    family(
      'device_sequences_per_second',
      'gauge',
      'Speed since the sample before.',
      ofDevices((device) => device.sequencesPerSecond),
    ),
    family('process_resident_memory_bytes', 'gauge', 'Memory of this process.', [[{}, process.rssBytes]]),
    family('process_cpu_seconds', 'counter', 'Processor time of this process.', [[{}, process.cpuSeconds]]),
    family('checkpoint_age_seconds', 'gauge', 'Time since anything was made durable.', [
      [{}, sample.checkpointAgeSeconds],
    ]),
    family(
      'warnings',
      'counter',
      'Warnings given, by kind.',
      [...context.warnings].map(([code, count]) => [{ code }, count]),
    ),
    '# EOF\n',
  ].join('')
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
