import { readFile } from 'node:fs/promises'
import * as v from 'valibot'
import { DataError } from '../system/errors.ts'
import { parseJson } from '../system/json.ts'
import { ReadError } from '../system/system-error.ts'

/** Version of the lines in `metrics.jsonl`; documented in docs/monitoring.md. */
export const METRICS_VERSION = 1

const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const amount = v.pipe(v.number(), v.minValue(0))
const time = v.pipe(v.string(), v.isoTimestamp())

/** Work of one model; cumulative since the start of this process, but for `inFlight` and `waiting`. */
const modelSchema = v.object({
  /** Sequences embedded; identical ones of a window only once. */
  sequences: count,
  /** Real tokens of them, special ones included. */
  tokens: count,
  /** The same with padding. */
  paddedTokens: count,
  batches: count,
  /** Batches at the backend now. */
  inFlight: count,
  /** Batches planned and not yet sent. */
  waiting: count,
  /** Real tokens of all batches planned so far. */
  plannedTokens: count,
})

const deviceSchema = v.object({
  name: v.string(),
  /** A GPU, the instances of one server where its GPUs are unknown, or the processor of this machine. */
  kind: v.picklist(['gpu', 'instance', 'cpu']),
  /** Share of the time since the last sample in which it computed, 0 to 1. */
  busy: v.exactOptional(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
  memoryUsedBytes: v.exactOptional(amount),
  memoryTotalBytes: v.exactOptional(amount),
  temperatureCelsius: v.exactOptional(v.number()),
  powerWatts: v.exactOptional(amount),
  /** Why its clocks are held down now. */
  throttled: v.exactOptional(v.array(v.picklist(['power', 'thermal']))),
  /** Of its model, or of both where it computes both, since the sample before. */
  sequencesPerSecond: v.exactOptional(amount),
})

const stageSchema = v.object({
  name: v.picklist(['reading', 'dnabert_s', 'esm2', 'classifier', 'checkpoint', 'tables']),
  /** Seconds since the start of this process; stages overlap. */
  start: amount,
  end: amount,
  /** Seconds in which at least one of its kind was under way. */
  busySeconds: amount,
})

const modelsSchema = v.object({ esm2: modelSchema, dnabert_s: modelSchema })

const startSchema = v.object({
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

const sampleSchema = v.object({
  kind: v.literal('sample'),
  time,
  seconds: amount,
  /** Frames of parts: read, finished, and finished by an earlier process. */
  frames: v.object({ prepared: count, done: count, known: count }),
  models: modelsSchema,
  devices: v.array(deviceSchema),
  process: v.object({ rssBytes: count, cpuSeconds: amount }),
  /** Seconds since anything was last made durable; absent before the first time. */
  checkpointAgeSeconds: v.exactOptional(amount),
})

const warningSchema = v.object({
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

const endSchema = v.object({
  kind: v.literal('end'),
  time,
  seconds: amount,
  outcome: v.picklist(['finished', 'failed-parts', 'stopped', 'error']),
  stages: v.array(stageSchema),
  models: modelsSchema,
  process: v.object({ peakRssBytes: count, cpuSeconds: amount }),
})

/** One line of `metrics.jsonl`. */
export const metricsSchema = v.variant('kind', [startSchema, sampleSchema, warningSchema, endSchema])

export type MetricsLine = v.InferOutput<typeof metricsSchema>
export type MetricsStart = v.InferOutput<typeof startSchema>
export type MetricsSample = v.InferOutput<typeof sampleSchema>
export type MetricsWarning = v.InferOutput<typeof warningSchema>
export type MetricsEnd = v.InferOutput<typeof endSchema>
export type ModelMetrics = v.InferOutput<typeof modelSchema>
export type DeviceMetrics = v.InferOutput<typeof deviceSchema>
export type StageMetrics = v.InferOutput<typeof stageSchema>
export type StageName = StageMetrics['name']
export type WarningCode = MetricsWarning['code']
export type Outcome = MetricsEnd['outcome']

/** A metrics file that this program did not write, or another version of it did. */
export class MetricsError extends DataError {}

/**
 * The lines of a `metrics.jsonl`; none where there is no such file. A continued run appends, so that there may be
 * several starts. What a killed process left half written is passed over.
 *
 * @throws MetricsError naming the line that is no line of this version
 */
export async function readMetrics(path: string): Promise<MetricsLine[]> {
  const lines: MetricsLine[] = []
  for (const [at, line] of (await text(path)).split('\n').entries()) {
    const value = parsed(line)
    if (value === undefined) continue
    const result = v.safeParse(metricsSchema, value)
    if (!result.success) {
      const { message } = result.issues[0]
      throw new MetricsError(
        `${path}, line ${at + 1}: not a line of metrics of version ${METRICS_VERSION}: ${message}`,
      )
    }
    lines.push(result.output)
  }
  return lines
}

async function text(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw new ReadError(path, error)
  }
}

function parsed(line: string): unknown {
  try {
    return parseJson(line)
  } catch {
    return undefined
  }
}
