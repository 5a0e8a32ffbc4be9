import type { HostedName } from '../bundle/index.ts'
import type { Part } from './part.ts'

export interface BatchLimits {
  tokenBudget: number
  /** Most sequences of a batch; undefined for no limit. */
  maxSequences: number | undefined
  /** Whether the last batches of a run shrink; see `BatchOptions.taper`. */
  tapers: boolean
}

/** How one model reads the frames of a part. */
export interface ModelInput {
  model: HostedName
  /** First column of this model's embedding in a row of features. */
  column: number
  /** How large its batches may be; asked when they are planned, since the backend may be starting before. */
  limits(): BatchLimits
  padId: number
  /** The sequence of a frame that this model embeds. An empty one gets a row of NaN. */
  sequences(part: Part): readonly Uint8Array[]
  encode(sequence: Uint8Array): Int32Array
}
