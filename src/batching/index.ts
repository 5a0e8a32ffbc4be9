/** From token counts to batches: equal sequences once, sorted by length, packed under a token budget. */

// Multi-GPU: who computes which batch.
export { balance } from './balance.ts'
export { type Deduped, dedupe } from './dedupe.ts'
// The arrays that a model takes.
export { type PaddedBatch, padBatch } from './pad.ts'
export { type Batch, BatchLimitError, type BatchOptions, planBatches } from './plan.ts'
export { paddingWaste } from './waste.ts'
