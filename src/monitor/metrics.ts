import * as v from 'valibot'
import { forModels } from '../bundle/index.ts'
import { described } from '../system/described.ts'
import { DataError } from '../system/errors.ts'
import { parseJson } from '../system/json.ts'
import { MOST_BYTES, readText } from '../system/read-within.ts'
import { unlessMissing } from '../system/system-error.ts'
import { STAGES } from './run-stats.ts'

/** Version of the lines in `metrics.jsonl`; docs/reference/outputs.md is made from their schemas. */
export const METRICS_VERSION = 1

const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const amount = v.pipe(v.number(), v.minValue(0))
const share = v.pipe(amount, v.maxValue(1))
const time = v.pipe(v.string(), v.isoTimestamp())

/** A number of a sample: its name, type and help in OpenMetrics, and what stands for it in `metrics.jsonl`. */
export interface Measure<S = unknown> {
  metric: string
  type: 'counter' | 'gauge'
  help: string
  schema: S
}

function counter(metric: string, help: string): Measure<typeof count> {
  return { metric, type: 'counter', help, schema: count }
}

function gauge<S>(metric: string, help: string, schema: S): Measure<S> {
  return { metric, type: 'gauge', help, schema }
}

/** Why the clocks of a GPU are held down. */
export const THROTTLE_REASONS = ['power', 'thermal'] as const

/** Every number of a sample, by its place there, in the order of OpenMetrics. Counters begin at 0 in each process. */
export const MEASURES = {
  frames: {
    prepared: counter('frames_prepared', 'Frames read.'),
    done: counter('frames_done', 'Frames of finished parts.'),
    known: counter('frames_known', 'Frames that an earlier process had finished.'),
  },
  /** Only where a run is over several. */
  samples: {
    done: gauge('samples_done', 'Samples that are over.', count),
    all: gauge('samples', 'Samples of the run.', count),
  },
  /** Only while frames are rechecked; each round begins at 0. */
  recheck: {
    done: gauge('recheck_frames_done', 'Frames that this round of the recheck has finished.', count),
    all: gauge('recheck_frames', 'Frames of this round of the recheck.', count),
  },
  models: {
    sequences: counter('sequences', 'Sequences embedded.'),
    tokens: counter('tokens', 'Tokens embedded.'),
    paddedTokens: counter('padded_tokens', 'Tokens embedded, padding counted.'),
    plannedTokens: counter('planned_tokens', 'Tokens of all batches planned.'),
    batches: counter('batches', 'Batches computed.'),
    inFlight: gauge('batches_in_flight', 'Batches at the backend.', count),
    waiting: gauge('batches_waiting', 'Batches planned and not sent.', count),
  },
  /** Of what is not known of a device there is nothing. */
  devices: {
    busy: gauge('device_busy_ratio', 'Share of time in which it computed.', v.exactOptional(share)),
    memoryUsedBytes: gauge('device_memory_used_bytes', 'Memory in use.', v.exactOptional(amount)),
    memoryTotalBytes: gauge('device_memory_size_bytes', 'Memory there is.', v.exactOptional(amount)),
    temperatureCelsius: gauge('device_temperature_celsius', 'Temperature.', v.exactOptional(v.number())),
    powerWatts: gauge('device_power_watts', 'Power drawn.', v.exactOptional(amount)),
    throttled: gauge(
      'device_throttled',
      'Whether its clocks are lowered, by reason.',
      v.exactOptional(v.array(v.picklist(THROTTLE_REASONS))),
    ),
    sequencesPerSecond: gauge(
      'device_sequences_per_second',
      'Speed since the sample before.',
      v.exactOptional(amount),
    ),
  },
  process: {
    rssBytes: gauge('process_resident_memory_bytes', 'Memory of this process.', count),
    cpuSeconds: {
      ...counter('process_cpu_seconds', 'Processor time of this process.'),
      schema: amount,
    },
  },
}

type Schemas<T extends Record<string, Measure>> = { [K in keyof T]: T[K]['schema'] }

function schemas<T extends Record<string, Measure>>(measures: T): Schemas<T> {
  const entries = Object.entries(measures).map(([key, { help, schema }]) => [
    key,
    described(help.charAt(0).toLowerCase() + help.slice(1, -1), schema as v.GenericSchema),
  ])
  return Object.fromEntries(entries) as Schemas<T>
}

const ModelsSchema = described(
  'work of each model since this start',
  v.object(forModels((model) => described(`of \`${model}\``, v.object(schemas(MEASURES.models))))),
)

const DeviceSchema = v.object({
  name: described('what it is called', v.string()),
  kind: described(
    'a GPU, the instances of a model on one server, or the processor of this machine',
    v.picklist(['gpu', 'instance', 'cpu']),
  ),
  ...schemas(MEASURES.devices),
})

const timeOfLine = described('ISO 8601, UTC', time)
const secondsOfLine = described('seconds since this start of the run', amount)

const StageSchema = v.object({
  name: described('stage', v.picklist([...STAGES.keys()])),
  start: described('first work, in seconds since this start', amount),
  end: described('last work, in seconds since this start; stages overlap', amount),
  busySeconds: described('seconds in which at least one of its kind was under way', amount),
})

export const StartSchema = v.object({
  kind: described('first line of a start', v.literal('start')),
  version: described('version of the lines', v.literal(METRICS_VERSION)),
  time: timeOfLine,
  program: described('version of virnucpro', v.string()),
  intervalSeconds: described('seconds between two samples', amount),
  backend: described('what computes, in words', v.string()),
  resumed: described('whether the run goes on with what an earlier start left', v.boolean()),
})

export const SampleSchema = v.object({
  kind: described('a sample', v.literal('sample')),
  time: timeOfLine,
  seconds: secondsOfLine,
  frames: described('frames of the run', v.object(schemas(MEASURES.frames))),
  samples: described(
    'only in a run over several samples',
    v.exactOptional(v.object(schemas(MEASURES.samples))),
  ),
  recheck: described(
    'only while [frames are rechecked](reference/precisions.md#rechecking)',
    v.exactOptional(v.object(schemas(MEASURES.recheck))),
  ),
  models: ModelsSchema,
  devices: described('what computes; what is not known of a device is absent', v.array(DeviceSchema)),
  process: described('the program, all threads', v.object(schemas(MEASURES.process))),
  checkpointAgeSeconds: described(
    'seconds since anything was last made durable; absent before the first time',
    v.exactOptional(amount),
  ),
})

export const WarningSchema = v.object({
  kind: described('a [warning](reference/monitoring.md#warnings)', v.literal('warning')),
  time: timeOfLine,
  seconds: secondsOfLine,
  code: described(
    'which warning it is',
    v.picklist([
      'idle',
      'imbalance',
      'client-bound',
      'memory-growth',
      'out-of-memory',
      'throttled',
      'stalled',
    ]),
  ),
  device: described('the device, where the warning is about one', v.exactOptional(v.string())),
  message: described('the warning as it was shown', v.string()),
})

export const EndSchema = v.object({
  kind: described('last line of a start that was not killed', v.literal('end')),
  time: timeOfLine,
  seconds: secondsOfLine,
  outcome: described('how the start ended', v.picklist(['finished', 'failed-parts', 'stopped', 'error'])),
  stages: described('work of each stage', v.array(StageSchema)),
  models: ModelsSchema,
  process: described(
    'the program, all threads',
    v.object({
      peakRssBytes: described('most memory that it used', count),
      cpuSeconds: described('processor time that it used', amount),
    }),
  ),
})

/** One line of `metrics.jsonl`. */
export const MetricsSchema = v.variant('kind', [StartSchema, SampleSchema, WarningSchema, EndSchema])

export type MetricsLine = v.InferOutput<typeof MetricsSchema>
export type MetricsSample = v.InferOutput<typeof SampleSchema>
export type MetricsWarning = v.InferOutput<typeof WarningSchema>
export type MetricsEnd = v.InferOutput<typeof EndSchema>
export type DeviceMetrics = v.InferOutput<typeof DeviceSchema>
export type StageMetrics = v.InferOutput<typeof StageSchema>
export type WarningCode = MetricsWarning['code']
export type Outcome = MetricsEnd['outcome']

/**
 * The lines of a `metrics.jsonl`; none where there is no such file. A continued run appends, so that there may be
 * several starts. What a killed process left half written is passed over.
 *
 * @throws DataError naming the line that is none of this version
 */
export async function readMetrics(path: string): Promise<MetricsLine[]> {
  const text = (await readText(path, MOST_BYTES.metrics).catch(unlessMissing(path))) ?? ''
  const lines: MetricsLine[] = []
  for (const [at, line] of text.split('\n').entries()) {
    const value = parsed(line)
    if (value === undefined) continue
    const result = v.safeParse(MetricsSchema, value)
    if (!result.success) {
      const what = `not a line of metrics of version ${METRICS_VERSION}: ${result.issues[0].message}`
      throw new DataError(`${path}, line ${at + 1}: ${what}`)
    }
    lines.push(result.output)
  }
  return lines
}

function parsed(line: string): unknown {
  try {
    return parseJson(line)
  } catch {
    return undefined
  }
}
