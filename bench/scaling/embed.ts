import type { TokenBatch } from '../../src/batching/index.ts'
import type { ModelName } from '../../src/bundle/index.ts'
import type { TritonBackend } from '../../src/dispatch/index.ts'
import { seededRandom } from '../dna.ts'
import type { PlannedBatch } from './workload.ts'

/** Sends a batch of that shape and makes sure that all of the answer is there. */
export async function embed(
  backend: TritonBackend,
  batch: PlannedBatch,
  dimension: number,
  model: ModelName = 'esm2',
): Promise<void> {
  const embeddings = await backend.embed(model, tokenBatch(batch))
  if (embeddings.length !== batch.rows * dimension)
    throw new Error(`${embeddings.length} numbers for ${batch.rows} sequences`)
}

/** Ids that both models have, in no order: a GPU draws less power for rows that are all alike. */
const IDS = (() => {
  const random = seededRandom(1)
  return new Int32Array(1 << 20).map(() => 5 + Math.floor(19 * random()))
})()

function tokenBatch({ rows, paddedLength }: PlannedBatch): TokenBatch {
  const inputIds = new Int32Array(rows * paddedLength)
  for (let at = 0; at < inputIds.length; at += IDS.length)
    inputIds.set(IDS.subarray(0, Math.min(IDS.length, inputIds.length - at)), at)
  return { inputIds, lengths: new Int32Array(rows).fill(paddedLength), rows, paddedLength }
}
