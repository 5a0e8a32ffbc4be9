import { padBatch, planBatches } from '../batching/index.ts'
import type { ModelName } from '../bundle/index.ts'
import type { EmbeddingBackend } from '../dispatch/index.ts'

/**
 * Embeds rows of token ids in batches of near-equal length, as a run does: row-major [rows, dimension], in the order
 * given.
 *
 * @param tokenBudget padded tokens in a batch; 1 embeds every row alone and without padding
 */
export async function embedAll(
  backend: EmbeddingBackend,
  model: ModelName,
  tokenRows: readonly Int32Array[],
  { padId, tokenBudget, signal }: { padId: number; tokenBudget: number; signal?: AbortSignal | undefined },
): Promise<Float32Array> {
  const dimension = backend.dimension(model)
  const all = new Float32Array(tokenRows.length * dimension)
  const lengths = tokenRows.map((row) => row.length)
  for (const { members, paddedLength } of planBatches(lengths, { tokenBudget })) {
    const rows = Array.from(members, (member) => tokenRows[member]!)
    const vectors = await backend.embed(model, padBatch(rows, padId, paddedLength), signal)
    for (const [i, member] of members.entries()) {
      all.set(vectors.subarray(i * dimension, (i + 1) * dimension), member * dimension)
    }
  }
  return all
}
