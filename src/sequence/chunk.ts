import { UsageError } from '../system/errors.ts'

/** One chunk of a record: `index` counts from 1 (the n of `_chunk_n`), the bases are `[start, end)`, 0-based. */
export interface ChunkBounds {
  index: number
  start: number
  end: number
}

/** A chunk length that is no positive whole number, or a record length that is no whole number. */
export class ChunkLengthError extends UsageError {
  readonly length: number
  readonly chunkLength: number

  constructor(length: number, chunkLength: number) {
    super(
      `Cannot cut a record of ${length} bases into chunks of ${chunkLength}: ` +
        'expected a whole record length of 0 or more and a whole chunk length of 1 or more. ' +
        'Choose the length the classifier was trained for, usually 300 or 500.',
    )
    this.length = length
    this.chunkLength = chunkLength
  }
}

/**
 * Cuts a record into chunks as the original VirNucPro does. A record of 0 bases has no chunk (the original stops there).
 *
 * Neighbours overlap so that the chunks fill the record, but the original spreads the missing bases over n chunks
 * where only n - 1 overlaps exist, so most records end in a chunk shorter than `chunkLength` (never shorter than half
 * of it, once there is more than one). The models' calls depend on these bounds: they are kept, base for base.
 *
 * @throws ChunkLengthError
 */
export function chunkBounds(length: number, chunkLength: number): ChunkBounds[] {
  return [...eachChunk(length, chunkLength)]
}

/** The same as {@link chunkBounds}, one at a time: for chromosomes, whose list would be long. */
export function* eachChunk(length: number, chunkLength: number): Generator<ChunkBounds> {
  if (!Number.isSafeInteger(length) || length < 0 || !Number.isSafeInteger(chunkLength) || chunkLength < 1) {
    throw new ChunkLengthError(length, chunkLength)
  }
  const count = Math.ceil(length / chunkLength)
  const missing = count * chunkLength - length
  const overlap = Math.floor(missing / count)
  // The first `longer` steps overlap by one base more; often more steps than there are, hence the short last chunk.
  const longer = missing - overlap * (count - 1)
  for (let k = 0; k < count; k++) {
    const start = k * (chunkLength - overlap) - Math.min(k, longer)
    yield { index: k + 1, start, end: Math.min(start + chunkLength, length) }
  }
}
