import { createHash } from 'node:crypto'
import * as v from 'valibot'
import { type FileName, sharedFiles } from '../layout/index.ts'
import { writeAtomically } from '../system/atomic.ts'
import { parseJson } from '../system/json.ts'
import { MOST_BYTES, readText } from '../system/read-within.ts'
import { formatFloat64 } from '../tables/index.ts'

/** The stages of Broad's pipeline in their order, with the keys of their files: one path or, for some keys, a list. */
const STAGES = {
  CHUNKING: { files: 'chunked' },
  TRANSLATION: { nucleotide_file: 'nucleotide', protein_file: 'protein' },
  NUCLEOTIDE_SPLITTING: { nucleotide_files: 'nucleotidePart' },
  PROTEIN_SPLITTING: { protein_files: 'proteinPart' },
  NUCLEOTIDE_FEATURES: { nucleotide_features: 'dnabertPart' },
  PROTEIN_FEATURES: { protein_features: 'esmPart' },
  FEATURE_MERGING: { merged_files: 'mergedPart' },
  PREDICTION: { prediction_file: 'predictions' },
  CONSENSUS: { consensus_file: 'consensus' },
} as const satisfies Record<string, Record<string, FileName>>

export type BroadStage = keyof typeof STAGES

export const BROAD_STAGES = Object.keys(STAGES) as BroadStage[]

export function filesOf(stage: BroadStage): FileName[] {
  return Object.values(STAGES[stage])
}

/** What a stage leaves, under Broad's keys. */
export function outputsOf(stage: BroadStage, pathsOf: (file: FileName) => readonly string[]): StageOutputs {
  return Object.fromEntries(
    Object.entries(STAGES[stage]).map(([key, file]) => {
      const paths = pathsOf(file)
      return [key, /(files|features)$/.test(key) ? paths : (paths[0] ?? '')]
    }),
  )
}

/** What Broad's fork compares before it resumes. */
export interface PipelineConfig {
  expectedLength: number
  /** As typed: the same file under another spelling is another configuration there. */
  modelPath: string
  /** @default 256 */
  batchSize?: number
  /** @default 4 */
  numWorkers?: number
  /** Digest of a run that Broad's fork began; replaces the computed one. */
  hash?: string
}

/** Lists of files under Broad's keys, such as `{ files: [...] }` or `{ prediction_file: '...' }`. */
export type StageOutputs = Readonly<Record<string, string | readonly string[]>>

interface StageState {
  status: 'not_started' | 'in_progress' | 'completed' | 'failed'
  startedAt?: Date | undefined
  endedAt?: Date
  outputs?: StageOutputs
  error?: string
}

/** Broad's digest of its configuration: SHA-256 of the JSON with sorted keys. */
export function broadConfigHash(config: PipelineConfig): string {
  const text = pythonJson({
    batch_size: config.batchSize ?? 256,
    expected_length: config.expectedLength,
    model_path: config.modelPath,
    num_workers: config.numWorkers ?? 4,
  })
  const onOneLine = text
    .replace(/^\{\n +/, '{')
    .replace(/\n\}$/, '}')
    .replaceAll(/\n +/g, ' ')
  return createHash('sha256').update(onOneLine).digest('hex')
}

/**
 * `.checkpoints/pipeline_state.json` of Broad's fork, which lets it resume a run made here. Times are UTC without
 * a zone, as there.
 */
export class PipelineState {
  readonly #path: string
  readonly #config: PipelineConfig
  readonly #created: Date
  readonly #stages = new Map<BroadStage, StageState>()

  private constructor(path: string, config: PipelineConfig, created: Date) {
    this.#path = path
    this.#config = config
    this.#created = created
  }

  /** @param root folder of the run */
  static create(root: string, config: PipelineConfig, now = new Date()): PipelineState {
    return new PipelineState(sharedFiles(root).broadState, config, now)
  }

  /** Changes of one stage; `write` puts them on disk. */
  stage(name: BroadStage) {
    const startedAt = this.#stages.get(name)?.startedAt
    const set = (state: StageState) => void this.#stages.set(name, state)
    return {
      start: (now = new Date()) => set({ status: 'in_progress', startedAt: now }),
      complete: (outputs: StageOutputs, now = new Date()) =>
        set({ status: 'completed', startedAt: startedAt ?? now, endedAt: now, outputs }),
      fail: (error: string, now = new Date()) =>
        set({ status: 'failed', startedAt: startedAt ?? now, endedAt: now, error }),
    }
  }

  /** The first stage that is not completed. */
  get current(): BroadStage | undefined {
    return BROAD_STAGES.find((name) => this.#stages.get(name)?.status !== 'completed')
  }

  async write(now = new Date()): Promise<void> {
    await writeAtomically(this.#path, this.toJson(now))
  }

  /** Exactly as Broad's fork writes it: two spaces, no line end at the end. */
  toJson(now = new Date()): string {
    const stages = BROAD_STAGES.map((name) => [name, stageJson(this.#stages.get(name))])
    return pythonJson({
      created_at: isoformat(this.#created),
      pipeline_config: {
        config_hash: this.#config.hash ?? broadConfigHash(this.#config),
        expected_length: this.#config.expectedLength,
        model_path: this.#config.modelPath,
      },
      stages: Object.fromEntries(stages),
      updated_at: isoformat(now),
    })
  }
}

const StateSchema = v.object({
  pipeline_config: v.object({ config_hash: v.string(), expected_length: v.number(), model_path: v.string() }),
})

/** The configuration of a state that lies there; undefined where there is none. */
export async function readPipelineConfig(root: string): Promise<PipelineConfig | undefined> {
  const text = await readText(sharedFiles(root).broadState, MOST_BYTES.state).catch(() => '')
  return configIn(text)
}

/** Whether a text is a state that Broad's fork, or a run here, has written. */
export function isPipelineState(text: string): boolean {
  return configIn(text) !== undefined
}

function configIn(text: string): PipelineConfig | undefined {
  try {
    const { config_hash, expected_length, model_path } = v.parse(StateSchema, parseJson(text)).pipeline_config
    return { expectedLength: expected_length, modelPath: model_path, hash: config_hash }
  } catch {
    return undefined
  }
}

function stageJson({ status, startedAt, endedAt, outputs, error }: StageState = { status: 'not_started' }) {
  const iso = (time: Date | undefined) => (time === undefined ? null : isoformat(time))
  const hasFailed = status === 'failed'
  const completedAt = hasFailed ? undefined : endedAt
  const seconds = completedAt && startedAt && (completedAt.getTime() - startedAt.getTime()) / 1e3
  return {
    status,
    started_at: iso(startedAt),
    completed_at: iso(completedAt),
    duration_seconds: seconds === undefined ? null : pythonFloat(seconds),
    inputs: {},
    outputs: outputs ?? {},
    error: error ?? null,
    ...(hasFailed && { failed_at: iso(endedAt) }),
  }
}

/** Python's `datetime.isoformat()`: six digits of a second, or none where they are all 0. */
function isoformat(time: Date): string {
  const text = time.toISOString().slice(0, -1)
  return text.endsWith('.000') ? text.slice(0, -4) : `${text}000`
}

/** `json.dumps(value, indent=2)` of Python, which escapes every character beyond ASCII. */
function pythonJson(value: unknown): string {
  const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
  return JSON.stringify(value, null, 2).replaceAll(/[\u0080-\uffff]/g, escaped)
}

/** A number that Python holds as a float: 1 is written `1.0`. */
function pythonFloat(value: number): unknown {
  // TypeScript does not know rawJSON yet (ECMAScript proposal "JSON.parse source text access").
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(formatFloat64(value))
}
