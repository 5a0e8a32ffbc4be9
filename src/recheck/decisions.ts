import type { CallRule } from '../results/index.ts'

/** What the results of a run decide by scores, besides the calls of frames and chunks. */
export interface Decisions {
  readonly rule: CallRule
  /** Records, chunks and stretches with a lower score are left out of some files. */
  readonly minScore: number
  /** Chunks that are not viral which a viral stretch bridges. */
  readonly viralGap: number
}
