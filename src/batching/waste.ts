import type { Batch } from './plan.ts'

/** Share of the computed positions that are padding, from 0 to 1; 0 for no batch. */
export function paddingWaste(batches: readonly Batch[], lengths: ArrayLike<number>): number {
  let computed = 0
  let real = 0
  for (const { members, tokens } of batches) {
    computed += tokens
    for (const member of members) real += lengths[member]!
  }
  return computed === 0 ? 0 : 1 - real / computed
}
