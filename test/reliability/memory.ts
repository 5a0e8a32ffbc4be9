/**
 * The bound of memory for each kind of input.
 * `scripts/reliability.ts` makes the table of docs/reference/reliability.md from this file.
 */
import type { Evidence } from './evidence.ts'

export interface MemoryBound {
  readonly input: string
  /** Memory above that of the same command with a small input, or the limit after which the input is refused. */
  readonly bound: string
  /** What the bound follows from. */
  readonly why: string
  readonly test: Evidence
}

export const MEMORY: readonly MemoryBound[] = []
