/** From token counts to batches: equal sequences once, sorted by length, packed under a token budget, padded for the models. */

// Multi-GPU: who computes which batch.
export { balance } from './balance.ts'
export { type Deduped, dedupe } from './dedupe.ts'
export { type Batch, BatchLimitError, type BatchOptions, paddingWaste, planBatches } from './plan.ts'
// The arrays that a model takes.
export { padBatch, type TokenBatch, takeRows } from './token-batch.ts'
// What is packed together.
export { WINDOW_FRAMES } from './windows.ts'
