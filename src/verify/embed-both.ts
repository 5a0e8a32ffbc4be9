import { padBatch, planBatches } from '../batching/index.ts'
import {
  type Embeddings,
  FEATURE_ORDER,
  forModels,
  type HostedName,
  MODELS,
  type ModelName,
  modelOf,
  type RecheckFacts,
  type Tokenizer,
} from '../bundle/index.ts'
import { type EmbeddingBackend, Limiter } from '../dispatch/index.ts'
import type { OpenFrame } from '../sequence/index.ts'
import { VirnucproError } from '../system/errors.ts'
import { areFinite } from '../system/finite.ts'

/** What embeds in both precisions. */
export interface BothModels {
  readonly backend: EmbeddingBackend
  readonly facts: RecheckFacts
  readonly tokenizers: Readonly<Record<ModelName, Tokenizer>>
  readonly signal: AbortSignal | undefined
}

/** Frames in both precisions. */
export interface EmbeddedBoth {
  /** Tokens of each protein. */
  readonly lengths: readonly number[]
  readonly plain: Embeddings
  /** With the partner in the place of the quantized model. */
  readonly exact: Embeddings
}

/** Embeds frames with a quantized model and with its partner. @throws VirnucproError where a model gives NaN or infinity */
export async function embedBoth(
  frames: readonly OpenFrame[],
  { backend, facts, tokenizers, signal }: BothModels,
): Promise<EmbeddedBoth> {
  const encoded = forModels((model) =>
    frames.map((frame) => tokenizers[model].encode(frame[MODELS[model].sequence])),
  )
  const embed = (name: HostedName) =>
    embedRows(backend, name, encoded[modelOf(name)], tokenizers[modelOf(name)].padId, signal)
  const plain = {} as Record<ModelName, Float32Array>
  for (const model of FEATURE_ORDER) plain[model] = await embed(model)
  const exact = { ...plain, [facts.model]: await embed(facts.name) }
  return { lengths: encoded[facts.model].map(({ length }) => length), plain, exact }
}

/** Row-major [rows, dimension], in the order given; batches as a run makes them. */
async function embedRows(
  backend: EmbeddingBackend,
  name: HostedName,
  rows: readonly Int32Array[],
  padId: number,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const dimension = backend.dimension(name)
  const all = new Float32Array(rows.length * dimension)
  const lengths = rows.map(({ length }) => length)
  const maxSequences = backend.maxSequences(name)
  const limits = { tokenBudget: backend.tokenBudget(name), ...(maxSequences && { maxSequences }) }
  const limiter = new Limiter(backend.concurrency)
  const batches = planBatches(lengths, limits).map(({ members, paddedLength }) =>
    limiter.run(async () => {
      const batch = padBatch(
        Array.from(members, (member) => rows[member]!),
        padId,
        paddedLength,
      )
      const vectors = await backend.embed(name, batch, signal)
      for (const [i, member] of members.entries())
        all.set(vectors.subarray(i * dimension, (i + 1) * dimension), member * dimension)
    }),
  )
  await Promise.all(batches)
  if (areFinite(all)) return all
  throw new VirnucproError(`${name} gives NaN or infinity: nothing can be said about how far it is off`)
}
