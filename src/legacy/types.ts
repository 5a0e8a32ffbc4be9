import type { LayoutName } from '../layout/index.ts'

/** What a checkpoint file holds; `batch` is one of the increments of Broad's second ESM path. */
export type LegacyKind = 'dnabert' | 'esm' | 'merged' | 'batch'

/** A vector of an old run, known by its sequence id alone: its place in a file says nothing. */
export interface LegacyVector {
  model: 'esm2' | 'dnabert_s'
  id: string
  /** [dim] float32. */
  vector: Float32Array
  /** What was embedded, from the part FASTA of the old run; undefined where that is not there. */
  sequence: Uint8Array | undefined
  file: string
}

/** One `.pt` file of an old run and what is to be thought of it. */
export interface LegacyFile {
  path: string
  /** Told from the keys, never from the name; undefined where the file cannot be read. */
  kind: LegacyKind | undefined
  layout: LayoutName
  /** Number of the part, or of the batch; undefined where the name has none. */
  part: number | undefined
  ids: string[]
  /** Values of one row; 0 where the file cannot be read. */
  dim: number
  /** `0.x` where the file says nothing: the original's, and Broad's before 1.0. */
  version: string
  /** Broad's `complete` or `in_progress`; undefined where the file says nothing. */
  status: string | undefined
  /** Whether Broad's empty `.done` is beside it: a hint, never a proof. */
  done: boolean
  bytes: number
  /** Why it cannot be used; undefined for a whole file. */
  problem: string | undefined
  /** Whether the problem is lost or changed bytes: such a file is of no use to anybody. */
  damaged: boolean
  /** What is odd about a file that can be used. */
  warnings: string[]
}
