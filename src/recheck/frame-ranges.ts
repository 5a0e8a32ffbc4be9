import { logit } from './logit.ts'

/** What rounding to float32 adds to a score, as a share of it: that of a softmax and that of its sum. */
const ROUNDING = 2 ** -21
/** The other score is too small then for a sum in float32 to notice. */
const SURE = 1 - 2 ** -26

/** Fields of a frame. */
const LOW_VIRUS = 0
const HIGH_VIRUS = 1
const LOW_OTHERS = 2
const HIGH_OTHERS = 3
const VIRUS = 4
const OTHERS = 5
const FIELDS = 6

/** The scores of a chunk: the highest of each class over its frames, and where they may lie. */
export interface ChunkRange {
  lowVirus: number
  highVirus: number
  lowOthers: number
  highOthers: number
  virus: number
  others: number
}

/** Where the exact scores of the frames of a record may lie, and which of these frames are selected. */
export class FrameRanges {
  /** Whether a frame is not exact. */
  hasFree = false
  readonly #numbers: number[] = []
  #values = new Float64Array(FIELDS << 6)
  /** 0: exact, 1: not, 2: selected. */
  readonly #states: (0 | 1 | 2)[] = []
  /** Number in the record of each chunk with a frame, and its first frame here. */
  readonly #indices: number[] = []
  readonly #starts: number[] = []
  #index = -1

  clear(): void {
    this.hasFree = false
    this.#numbers.length = this.#states.length = this.#indices.length = this.#starts.length = 0
  }

  beginChunk(index: number): void {
    this.#index = index
  }

  add(number: number, others: number, virus: number, bound: number): void {
    const frame = this.#numbers.length
    if (this.#indices.at(-1) !== this.#index) {
      this.#indices.push(this.#index)
      this.#starts.push(frame)
    }
    this.#numbers.push(number)
    const isFree = bound > 0
    this.#states.push(isFree ? 1 : 0)
    this.hasFree ||= isFree
    const at = FIELDS * frame
    if (at + FIELDS > this.#values.length) this.#grow()
    const values = this.#values
    values[at + VIRUS] = virus
    values[at + OTHERS] = others
    const z = isFree ? logit(others, virus) : 0
    values[at + LOW_VIRUS] = isFree ? Math.min(virus, lowest(z - bound)) : virus
    values[at + HIGH_VIRUS] = isFree ? Math.max(virus, highest(z + bound)) : virus
    values[at + LOW_OTHERS] = isFree ? Math.min(others, lowest(-z - bound)) : others
    values[at + HIGH_OTHERS] = isFree ? Math.max(others, highest(-z + bound)) : others
  }

  #grow(): void {
    const larger = new Float64Array(2 * this.#values.length)
    larger.set(this.#values)
    this.#values = larger
  }

  /** Chunks with a frame. */
  get chunks(): number {
    return this.#indices.length
  }

  /** Number of a chunk in the record. */
  indexOf(chunk: number): number {
    return this.#indices[chunk] as number
  }

  /** Selects the frames whose own call is not decided. */
  chooseByFrame(): void {
    const values = this.#values
    for (let frame = 0, at = 0; frame < this.#states.length; frame++, at += FIELDS) {
      const isDecided =
        (values[at + LOW_VIRUS] as number) > (values[at + HIGH_OTHERS] as number) ||
        (values[at + HIGH_VIRUS] as number) < (values[at + LOW_OTHERS] as number)
      if (!isDecided && this.#states[frame] === 1) this.#states[frame] = 2
    }
  }

  /** The range of the scores of a chunk. */
  chunkRange(chunk: number): ChunkRange {
    const range = { lowVirus: 0, highVirus: 0, lowOthers: 0, highOthers: 0, virus: 0, others: 0 }
    const values = this.#values
    for (let frame = this.#starts[chunk] as number; frame < this.#end(chunk); frame++) {
      const at = FIELDS * frame
      range.lowVirus = Math.max(range.lowVirus, values[at + LOW_VIRUS] as number)
      range.highVirus = Math.max(range.highVirus, values[at + HIGH_VIRUS] as number)
      range.lowOthers = Math.max(range.lowOthers, values[at + LOW_OTHERS] as number)
      range.highOthers = Math.max(range.highOthers, values[at + HIGH_OTHERS] as number)
      range.virus = Math.max(range.virus, values[at + VIRUS] as number)
      range.others = Math.max(range.others, values[at + OTHERS] as number)
    }
    return range
  }

  /** Selects the frames that may have one of the scores of a chunk. */
  choose(chunk: number, range: ChunkRange): void {
    for (const frame of this.#left(chunk, range)) this.#states[frame] = 2
  }

  /** Whether the scores of a chunk will be exact with what is selected. */
  isChosen(chunk: number, range: ChunkRange): boolean {
    for (const _ of this.#left(chunk, range)) return false
    return true
  }

  /** Frames that may have one of the scores of a chunk, and are neither exact nor selected. */
  *#left(chunk: number, { lowVirus, lowOthers }: ChunkRange): Generator<number> {
    const values = this.#values
    for (let frame = this.#starts[chunk] as number; frame < this.#end(chunk); frame++) {
      if (this.#states[frame] !== 1) continue
      const at = FIELDS * frame
      const matters =
        (values[at + HIGH_VIRUS] as number) > lowVirus || (values[at + HIGH_OTHERS] as number) > lowOthers
      if (matters) yield frame
    }
  }

  #end(chunk: number): number {
    return this.#starts[chunk + 1] ?? this.#numbers.length
  }

  /** Those that were selected, by their numbers. */
  chosen(select: (number: number) => void): void {
    for (const [frame, state] of this.#states.entries())
      if (state === 2) select(this.#numbers[frame] as number)
  }
}

/** The least score that a logit of at least z may have. */
function lowest(z: number): number {
  const score = 1 / (1 + Math.exp(-z))
  return score >= SURE ? 1 : score * (1 - ROUNDING)
}

/** The largest score that a logit of at most z may have. */
function highest(z: number): number {
  return Math.min(1, (1 / (1 + Math.exp(-z))) * (1 + ROUNDING))
}
