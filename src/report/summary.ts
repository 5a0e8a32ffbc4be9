import { readFile } from 'node:fs/promises'
import * as v from 'valibot'
import { forModels } from '../bundle/index.ts'
import { INPUT_COUNTS, MODEL_COUNTS, RUN_COUNTS } from '../monitor/index.ts'
import { DataError, NoInputError } from '../system/errors.ts'
import { parseJson } from '../system/json.ts'
import { ReadError } from '../system/system-error.ts'

export const SUMMARY_FORMAT = 'virnucpro-summary'
export const SUMMARY_VERSION = 1

const whole = v.pipe(v.number(), v.integer(), v.minValue(0))
const amount = v.pipe(v.number(), v.minValue(0))
const time = v.pipe(v.string(), v.isoTimestamp())

/** Counts that summaries of version 0.1.0 lack. */
const ADDED: ReadonlySet<string> = new Set(['filteredRecords'])

function each<K extends string>(names: readonly K[]) {
  const schemas = names.map((name) => [name, ADDED.has(name) ? v.optional(whole, 0) : whole])
  return Object.fromEntries(schemas) as Record<K, typeof whole>
}

const LengthsSchema = v.object({
  count: whole,
  total: whole,
  shortest: whole,
  longest: whole,
  bins: v.array(v.object({ from: whole, below: whole, count: whole })),
})

const InputSchema = v.object({
  path: v.string(),
  bytes: v.nullable(whole),
  sha256: v.nullable(v.string()),
  ...each(INPUT_COUNTS),
})

const ServedSchema = v.nullable(v.object({ digest: v.string(), precision: v.string(), version: v.string() }))

const ServerSchema = v.object({
  address: v.string(),
  program: v.nullable(v.string()),
  ...forModels(() => ServedSchema),
})

const StageSchema = v.object({ name: v.string(), start: amount, end: amount, busySeconds: amount })

/** `summary.json`; every field is described in docs/reference/report.md. */
const SummarySchema = v.object({
  format: v.literal(SUMMARY_FORMAT),
  version: v.literal(SUMMARY_VERSION),
  program: v.object({ name: v.string(), version: v.string() }),
  name: v.string(),
  outcome: v.picklist(['finished', 'failed-parts']),
  /** That of the command; undefined in summaries of version 0.1.0. */
  exitCode: v.optional(whole),
  /** Undefined but for demonstration models. */
  demonstration: v.optional(v.string()),
  time: v.object({ start: time, end: time, seconds: amount, continued: v.boolean() }),
  settings: v.record(v.string(), v.unknown()),
  models: v.object({
    name: v.string(),
    digest: v.string(),
    /** Absent in summaries of version 0.1.0. */
    classifier: v.optional(
      v.object({ name: v.string(), sha256: v.string(), chunkLength: v.nullable(whole) }),
    ),
    backend: v.string(),
    /** Absent in summaries of version 0.1.0. */
    why: v.optional(v.string()),
  }),
  /** Absent in summaries of version 0.1.0. */
  servers: v.optional(v.array(ServerSchema)),
  inputs: v.array(InputSchema),
  counts: v.object(each(RUN_COUNTS)),
  computed: v.object(forModels(() => v.object(each(MODEL_COUNTS)))),
  speed: v.object({ framesPerSecond: amount, tokensPerSecond: v.object(forModels(() => amount)) }),
  stages: v.array(StageSchema),
  lengths: v.object({ records: LengthsSchema, chunks: LengthsSchema }),
  failures: v.array(v.object({ part: whole, step: v.string(), frames: whole, reason: v.string() })),
  /** Absent in summaries of version 0.1.0. */
  warnings: v.optional(v.array(v.string())),
  files: v.object({
    layout: v.picklist(['vanilla', 'broad']),
    predictions: v.string(),
    consensus: v.string(),
    invalidRecords: v.nullable(v.string()),
    /** Absent in summaries of version 0.1.0. */
    failedFrames: v.optional(v.nullable(v.string())),
    metrics: v.nullable(v.string()),
  }),
  /** Absent in summaries of version 0.1.0. */
  outputs: v.optional(
    v.array(v.object({ name: v.string(), path: v.string(), form: v.string(), rows: v.nullable(whole) })),
  ),
})

export type Summary = v.InferOutput<typeof SummarySchema>
export type ServedModel = v.InferOutput<typeof ServedSchema>

/** @throws VirnucproError when the file is missing, damaged or of another version */
export async function readSummary(path: string): Promise<Summary> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT'
      ? new NoInputError(`${path} is missing: it is written at the end of a run`)
      : new ReadError(path, error)
  })
  let value: unknown
  try {
    value = parseJson(text)
  } catch (cause) {
    throw new DataError(`${path} is damaged: ${(cause as Error).message}`, { cause })
  }
  const head = v.safeParse(v.object({ format: v.literal(SUMMARY_FORMAT), version: v.number() }), value)
  if (head.success && head.output.version > SUMMARY_VERSION) {
    throw new DataError(`${path} was made by a newer version of virnucpro: use that one`)
  }
  const parsed = v.safeParse(SummarySchema, value)
  if (parsed.success) return parsed.output
  const [issue] = parsed.issues
  throw new DataError(`${path} is damaged: ${v.getDotPath(issue) ?? 'the file'}: ${issue.message}`)
}

/** What became of chunks. */
export interface ChunkCounts {
  viral: number
  others: number
  /** Without an open frame: never called. */
  withoutFrame: number
  /** All of whose frames failed. */
  missing: number
}

export function chunkCounts(
  of: Pick<Summary['counts'], 'chunks' | 'chunksWithoutFrame' | 'calledChunks' | 'viralChunks'>,
): ChunkCounts {
  return {
    viral: of.viralChunks,
    others: of.calledChunks - of.viralChunks,
    withoutFrame: of.chunksWithoutFrame,
    missing: of.chunks - of.chunksWithoutFrame - of.calledChunks,
  }
}
