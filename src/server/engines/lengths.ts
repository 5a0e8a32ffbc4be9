import {
  type Bundle,
  forModels,
  MODEL_NAMES,
  MODELS,
  type ModelName,
  readTokenizers,
} from '../../bundle/index.ts'
import { readSequences } from '../../fasta/index.ts'
import { openChunks } from '../../sequence/index.ts'
import type { LengthHistogram } from './profiles.ts'

export interface LengthOptions {
  readonly inputs: readonly string[]
  /** Bases of a chunk, as `predict` will cut them. */
  readonly expectedLength: number
  /** Frames after which the rest of the input is not looked at. @default 1,000,000 */
  readonly frames?: number
  readonly signal?: AbortSignal | undefined
}

export interface Lengths {
  readonly histograms: Record<ModelName, LengthHistogram>
  readonly frames: number
  /** False where the input goes on after what was counted. */
  readonly whole: boolean
}

const ENOUGH = 1_000_000

/** Counts the tokens of every open frame of an input, for every model, just as `predict` makes them. */
export async function countLengths(bundle: Bundle, options: LengthOptions): Promise<Lengths> {
  const tokenizers = await readTokenizers(bundle)
  const most = options.frames ?? ENOUGH
  const histograms = forModels((): number[] => [])
  let frames = 0
  for await (const records of readSequences(options.inputs, options.signal && { signal: options.signal })) {
    options.signal?.throwIfAborted()
    for (const frame of framesOf(records, options.expectedLength)) {
      if (frames === most) return { histograms, frames, whole: false }
      frames++
      for (const model of MODEL_NAMES) {
        count(histograms[model], tokenizers[model].encode(frame[MODELS[model].sequence]).length)
      }
    }
  }
  return { histograms, frames, whole: true }
}

function* framesOf(records: readonly { sequence: Uint8Array }[], expectedLength: number) {
  for (const { sequence } of records) {
    for (const { frames } of openChunks(sequence, expectedLength)) yield* frames
  }
}

function count(histogram: number[], length: number): void {
  while (histogram.length <= length) histogram.push(0)
  histogram[length]!++
}

const BAR = 40
/** Lengths of one line. */
const STEP = 16

/** A histogram for people: one line for each 16 lengths that occur, with their share of all tokens. */
export function describeLengths(histogram: LengthHistogram): string {
  const rows: { from: number; sequences: number; tokens: number }[] = []
  for (let from = 1; from < histogram.length; from += STEP) {
    const row = { from, sequences: 0, tokens: 0 }
    for (let t = from; t < Math.min(from + STEP, histogram.length); t++) {
      row.sequences += histogram[t]!
      row.tokens += t * histogram[t]!
    }
    if (row.sequences > 0) rows.push(row)
  }
  const all = rows.reduce((sum, { tokens }) => sum + tokens, 0)
  const most = Math.max(...rows.map(({ tokens }) => tokens))
  return rows
    .map(({ from, sequences, tokens }) => {
      const range = `${from} to ${from + STEP - 1}`.padStart(14)
      const share = `${((100 * tokens) / all).toFixed(1)} %`.padStart(8)
      const bar = '#'.repeat(Math.round((BAR * tokens) / most))
      return `${range} tokens ${String(sequences).padStart(10)} sequences ${share}  ${bar}`.trimEnd()
    })
    .join('\n')
}
