import { basename } from 'node:path'
import { readSequences } from '../fasta/index.ts'
import { chunkBounds, type OpenFrame, openFrames } from '../sequence/index.ts'
import { sha256File } from '../system/sha256.ts'
import { generator } from './cases.ts'

/** Ends of length classes, in tokens: what a bound is good for is the longer, the farther sequences are apart. */
const ENDS = [32, 64, 128, 176, 256, 512, 1088]

/** Chunks where a classifier does not say its own. */
const USUAL_CHUNK = 500

/** `<cls>` and `<eos>`, which count as tokens. */
const SPECIAL = 2

/** Of the frames of an input no more than this share is taken, so that every class has some. */
const MOST_OF_INPUT = 0.8

/** What frames to measure with. */
export interface FrameOptions {
  /** All in all. */
  readonly count: number
  /** Bases of the chunks of each classifier; undefined where one does not say it. */
  readonly chunkLengths: readonly (number | undefined)[]
  /** FASTA file of nucleotides whose frames come first. */
  readonly input?: string | undefined
  /** Of the frames that are drawn. */
  readonly seed: number
  readonly signal?: AbortSignal | undefined
}

/** Frames to measure with, and where they come from. */
export interface MeasuredFrames {
  readonly frames: readonly OpenFrame[]
  readonly input?: { readonly name: string; readonly sha256: string; readonly frames: number }
  /** Ends of the length classes, in tokens: those that frames of such chunks can have. */
  readonly ends: readonly number[]
}

/**
 * Open frames of all lengths that the chunks of the classifiers can have: different ones from the beginning of the input, and
 * others that are drawn codon by codon, stop codons excepted, as many for each length class.
 *
 * @throws the errors of reading the input
 */
export async function framesToMeasure(options: FrameOptions): Promise<MeasuredFrames> {
  const { count, input, seed, signal } = options
  const lengths = [...new Set(options.chunkLengths.map((length) => length ?? USUAL_CHUNK))]
  const ends = endsFor(Math.max(...lengths))
  const longest = Math.floor(Math.max(...lengths) / 3)
  const own = input === undefined ? [] : await framesOf(input, lengths, MOST_OF_INPUT * count, signal)
  const drawn = drawFrames(count - own.length, ends, longest, seed)
  if (input === undefined) return { frames: drawn, ends }
  const about = { name: basename(input), sha256: await sha256File(input, signal), frames: own.length }
  return { frames: [...own, ...drawn], input: about, ends }
}

/** Those up to the first that is not below the longest frame of a chunk. */
function endsFor(chunkLength: number): number[] {
  const most = Math.floor(chunkLength / 3) + SPECIAL
  const last = ENDS.findIndex((end) => end >= most)
  return last < 0 ? [...ENDS, most] : ENDS.slice(0, last + 1)
}

/** Frames that are all different, from the beginning of a file cut in each of the ways. */
async function framesOf(
  input: string,
  lengths: readonly number[],
  most: number,
  signal: AbortSignal | undefined,
): Promise<OpenFrame[]> {
  const found = new Map<string, OpenFrame>()
  for await (const records of readSequences([input], signal && { signal })) {
    for (const { sequence } of records)
      for (const frame of framesIn(sequence, lengths))
        found.set(Buffer.from(frame.nucleotide).toString('latin1'), frame)
    if (found.size >= most) break
  }
  return [...found.values()].slice(0, most)
}

function* framesIn(sequence: Uint8Array, lengths: readonly number[]): Generator<OpenFrame> {
  for (const length of lengths)
    for (const { start, end } of chunkBounds(sequence.length, length))
      yield* openFrames(sequence.subarray(start, end))
}

const CODONS = Array.from({ length: 64 }, (_, i) =>
  [i >> 4, (i >> 2) & 3, i & 3].map((base) => 'ACGT'[base]).join(''),
).filter((codon) => !['TAA', 'TAG', 'TGA'].includes(codon))

/** As many frames of each class; within a class all lengths are equally likely. */
function drawFrames(count: number, ends: readonly number[], longest: number, seed: number): OpenFrame[] {
  const random = generator(seed)
  return Array.from({ length: Math.max(0, count) }, (_, i) => {
    const at = i % ends.length
    const least = Math.max(1, (at === 0 ? SPECIAL : ends[at - 1]!) + 1 - SPECIAL)
    const most = Math.max(least, Math.min(longest, ends[at]! - SPECIAL))
    const codons = least + Math.floor(random() * (most - least + 1))
    const letters = Array.from({ length: codons }, () => CODONS[Math.floor(random() * CODONS.length)])
    // Read from its first base it has no stop codon.
    const [first] = openFrames(Buffer.from(letters.join('')))
    return first!
  })
}
