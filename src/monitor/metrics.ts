import { readFile } from 'node:fs/promises'
import * as v from 'valibot'
import { forModels } from '../bundle/index.ts'
import { DataError } from '../system/errors.ts'
import { parseJson } from '../system/json.ts'
import { unlessMissing } from '../system/system-error.ts'
import { STAGES } from './run-stats.ts'

/** Version of the lines in `metrics.jsonl`; documented in docs/reference/monitoring.md. */
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
  return Object.fromEntries(Object.entries(measures).map(([key, { schema }]) => [key, schema])) as Schemas<T>
}

const ModelsSchema = v.object(forModels(() => v.object(schemas(MEASURES.models))))

const DeviceSchema = v.object({
  name: v.string(),
  /** A GPU, the instances of one server where its GPUs are unknown, or the processor of this machine. */
  kind: v.picklist(['gpu', 'instance', 'cpu']),
  ...schemas(MEASURES.devices),
})

const StageSchema = v.object({
  name: v.picklist([...STAGES.keys()]),
  /** Seconds since the start of this process; stages overlap. */
  start: amount,
  end: amount,
  /** Seconds in which at least one of its kind was under way. */
  busySeconds: amount,
})

const StartSchema = v.object({
  kind: v.literal('start'),
  version: v.literal(METRICS_VERSION),
  time,
  program: v.string(),
  intervalSeconds: amount,
  /** What computes, in words. */
  backend: v.string(),
  /** Whether the run goes on with what an earlier process left. */
  resumed: v.boolean(),
})

const SampleSchema = v.object({
  kind: v.literal('sample'),
  time,
  seconds: amount,
  frames: v.object(schemas(MEASURES.frames)),
  samples: v.exactOptional(v.object(schemas(MEASURES.samples))),
  models: ModelsSchema,
  devices: v.array(DeviceSchema),
  process: v.object(schemas(MEASURES.process)),
  /** Seconds since anything was last made durable; absent before the first time. */
  checkpointAgeSeconds: v.exactOptional(amount),
})

const WarningSchema = v.object({
  kind: v.literal('warning'),
  time,
  seconds: amount,
  code: v.picklist([
    'idle',
    'imbalance',
    'client-bound',
    'memory-growth',
    'out-of-memory',
    'throttled',
    'stalled',
  ]),
  device: v.exactOptional(v.string()),
  message: v.string(),
})

const EndSchema = v.object({
  kind: v.literal('end'),
  time,
  seconds: amount,
  outcome: v.picklist(['finished', 'failed-parts', 'stopped', 'error']),
  stages: v.array(StageSchema),
  models: ModelsSchema,
  process: v.object({ peakRssBytes: count, cpuSeconds: amount }),
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
  const text = (await readFile(path, 'utf8').catch(unlessMissing(path))) ?? ''
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
