import * as v from 'valibot'
import { forModels } from '../bundle/index.ts'
import {
  COUNT_MEANINGS,
  INPUT_COUNTS,
  MODEL_COUNTS,
  RUN_COUNTS,
  SPARED_COUNTS,
  STAGES,
} from '../monitor/index.ts'
import { described } from '../system/described.ts'
import { DataError, NoInputError } from '../system/errors.ts'
import { parseJson } from '../system/json.ts'
import { MOST_BYTES, readText } from '../system/read-within.ts'
import { ReadError } from '../system/system-error.ts'

export const SUMMARY_FORMAT = 'virnucpro-summary'
export const SUMMARY_VERSION = 1

const whole = v.pipe(v.number(), v.integer(), v.minValue(0))
const amount = v.pipe(v.number(), v.minValue(0))
const time = v.pipe(v.string(), v.isoTimestamp())

/** Counts that summaries of version 0.1.0 lack. */
const ADDED: ReadonlySet<string> = new Set(['filteredRecords', ...SPARED_COUNTS])

/** Counts with what they mean. */
function each<K extends keyof typeof COUNT_MEANINGS>(names: readonly K[]) {
  const schemas = names.map((name) => {
    const schema = described(COUNT_MEANINGS[name], whole)
    return [name, ADDED.has(name) ? v.optional(schema, 0) : schema]
  })
  return Object.fromEntries(schemas) as Record<K, typeof whole>
}

const LengthsSchema = v.object({
  count: described('how many there are', whole),
  total: described('bases of all', whole),
  shortest: described('bases of the shortest', whole),
  longest: described('bases of the longest', whole),
  bins: described(
    'histogram; bins that hold nothing are left out',
    v.array(
      v.object({
        from: described('bases that each has at least', whole),
        below: described('bases that each has fewer than', whole),
        count: described('how many there are', whole),
      }),
    ),
  ),
})

const InputSchema = v.object({
  path: described('as given', v.string()),
  bytes: described('size as read, compressed or not', v.nullable(whole)),
  sha256: described('SHA-256 of the bytes as read', v.nullable(v.string())),
  ...each(INPUT_COUNTS),
})

const ServedSchema = v.nullable(
  v.object({
    digest: described('digest of the model', v.string()),
    precision: described('its precision', v.string()),
    version: described('version that every request named', v.string()),
  }),
)

const ServerSchema = v.object({
  address: described('`HOST:PORT`', v.string()),
  program: described(
    'name and version of the server program; `null` where it did not say',
    v.nullable(v.string()),
  ),
  ...forModels((model) =>
    described(
      `what it hosts as \`${model}\`; \`null\` where it [does not say](reference/repositories.md#which-model-a-server-hosts)`,
      ServedSchema,
    ),
  ),
})

const ClassSchema = v.object({
  upTo: described('tokens of the longest sequence of the class, the special ones included', whole),
  bound: described('what the logit of a frame may be off', amount),
  frames: described('frames of the class that were rechecked', whole),
  largest: described('largest difference of the logits of one of them', amount),
  exceeded: described(
    'whether that is more than the bound, so that the whole class was rechecked',
    v.boolean(),
  ),
})

const RecheckSchema = v.object({
  quantized: described('precision of the quantized model', v.string()),
  partner: described('precision of the recheck', v.string()),
  calibration: described(
    'how the bounds were measured',
    v.object({
      frames: described('frames that were compared', whole),
      factor: described('bound over the largest difference among them', amount),
    }),
  ),
  rechecked: described('frames that were rechecked', whole),
  audited: described('those of them that every run compares', whole),
  beyond: described('those of them that are longer than all that the bounds were measured on', whole),
  classes: described('by the length of proteins', v.array(ClassSchema)),
})

const StageSchema = v.object({
  name: described(`one of ${[...STAGES.keys()].map((name) => `\`${name}\``).join(', ')}`, v.string()),
  start: described('first work, in seconds since the start', amount),
  end: described('last work, in seconds since the start; stages overlap', amount),
  busySeconds: described('seconds in which it had work under way', amount),
})

/** `summary.json`; docs/reference/outputs.md is made from it. */
export const SummarySchema = v.object({
  format: described('form of this file', v.literal(SUMMARY_FORMAT)),
  version: described('version of the form', v.literal(SUMMARY_VERSION)),
  program: described(
    'what wrote it',
    v.object({
      name: described('its name', v.string()),
      version: described('its version', v.string()),
    }),
  ),
  name: described('stem of the names of the results', v.string()),
  outcome: described(
    '`failed-parts` where frames are missing from the tables',
    v.picklist(['finished', 'failed-parts']),
  ),
  exitCode: described(
    '[exit code](reference/exit-codes.md) of the command; absent in summaries of version 0.1.0',
    v.optional(whole),
  ),
  demonstration: described(
    'only with demonstration models: the line that says that the calls mean nothing',
    v.optional(v.string()),
  ),
  time: described(
    'of the last start, from the opened models to the finished tables',
    v.object({
      start: described('ISO 8601, UTC', time),
      end: described('ISO 8601, UTC', time),
      seconds: described('seconds between them', amount),
      continued: described('whether that start continued an interrupted run', v.boolean()),
    }),
  ),
  settings: described(
    'every setting as it took effect; of the key and the header for a server only that they were `given`',
    v.record(v.string(), v.unknown()),
  ),
  models: described(
    'what computed',
    v.object({
      name: described('name of the bundle', v.string()),
      digest: described(
        'SHA-256 of the bundle with the classifier of the run; with `--model-path` also the SHA-256 of that classifier',
        v.string(),
      ),
      classifier: described(
        'the classifier of the run; absent in summaries of version 0.1.0',
        v.optional(
          v.object({
            name: described('file that it was imported from', v.string()),
            sha256: described('SHA-256 of that file', v.string()),
            chunkLength: described(
              'bases of the chunks that it was made for; `null` where that is not known',
              v.nullable(whole),
            ),
          }),
        ),
      ),
      backend: described('what computed, in words', v.string()),
      why: described(
        'why that was chosen, in words; absent in summaries of version 0.1.0',
        v.optional(v.string()),
      ),
    }),
  ),
  servers: described(
    'the inference servers; empty where this process computed; absent in summaries of version 0.1.0',
    v.optional(v.array(ServerSchema)),
  ),
  inputs: described('the inputs, in the order read', v.array(InputSchema)),
  counts: described('counts of the run', v.object(each(RUN_COUNTS))),
  computed: described(
    'work of each model in the last start',
    v.object(
      forModels((model) => described(`of \`${model}\``, v.object(each([...MODEL_COUNTS, ...SPARED_COUNTS])))),
    ),
  ),
  speed: described(
    'speed of the last start',
    v.object({
      framesPerSecond: described('frames scored, per second of `time.seconds`', amount),
      tokensPerSecond: described(
        'tokens without padding, likewise',
        v.object(forModels((model) => described(`of \`${model}\``, amount))),
      ),
    }),
  ),
  stages: described('stages of the last start; empty without metrics', v.array(StageSchema)),
  lengths: described(
    'lengths of what was read',
    v.object({
      records: described('of records', LengthsSchema),
      chunks: described('of chunks', LengthsSchema),
    }),
  ),
  recheck: described(
    'what was [rechecked](explanation/precision.md#recheck); absent where nothing was',
    v.optional(RecheckSchema),
  ),
  failures: described(
    'the failed parts',
    v.array(
      v.object({
        part: described('number of the part, from 1', whole),
        step: described('what failed on it: `DNABERT-S`, `ESM-2` or `classifier`', v.string()),
        frames: described('frames that are missing', whole),
        reason: described('why, in words', v.string()),
      }),
    ),
  ),
  warnings: described(
    'every warning of the run, in the order given; each text once, the first thousand; with `time.continued` those of the last start; absent in summaries of version 0.1.0',
    v.optional(v.array(v.string())),
  ),
  files: described(
    'where files are, seen from the folder of the report',
    v.object({
      layout: described('layout of the run', v.picklist(['vanilla', 'broad'])),
      predictions: described('the table of frames', v.string()),
      consensus: described('the table of chunks', v.string()),
      invalidRecords: described(
        'list of records left out or unusual; `null` where there is none',
        v.nullable(v.string()),
      ),
      failedFrames: described(
        'list of failed frames; `null` where there is none; absent in summaries of version 0.1.0',
        v.optional(v.nullable(v.string())),
      ),
      metrics: described('metrics; `null` where there are none', v.nullable(v.string())),
    }),
  ),
  outputs: described(
    'every file of the run that is there, in the order in which they are written, part files left out; absent in summaries of version 0.1.0',
    v.optional(
      v.array(
        v.object({
          name: described('what it is, the same in both layouts, such as `contigs`', v.string()),
          path: described('where it is, seen from the output folder', v.string()),
          form: described(
            '`tsv` (also where the name ends in `.csv` or `.txt`), `parquet` and so on',
            v.string(),
          ),
          rows: described(
            'rows without headers, of FASTA records; `null` where nobody has counted them',
            v.nullable(whole),
          ),
        }),
      ),
    ),
  ),
})

export type Summary = v.InferOutput<typeof SummarySchema>
export type ServedModel = v.InferOutput<typeof ServedSchema>

/** @throws VirnucproError when the file is missing, damaged or of another version */
export async function readSummary(path: string): Promise<Summary> {
  const text = await readText(path, MOST_BYTES.state).catch((error: NodeJS.ErrnoException) => {
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
