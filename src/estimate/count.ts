import { dedupe, planBatches, WINDOW_FRAMES } from '../batching/index.ts'
import { type Bundle, forModels, MODELS, type ModelName, type Tokenizer } from '../bundle/index.ts'
import type { SequenceRecord } from '../fasta/index.ts'
import type { LayoutName } from '../layout/index.ts'
import { filteredBy, type OpenFrame, openChunks, type RecordFilter } from '../sequence/index.ts'

/** How a place that computes has the sequences of one model packed. */
export interface Packing {
  readonly tokenBudget: number
  /** Most sequences of a batch; undefined for no limit. */
  readonly maxSequences?: number | undefined
  /** Whether the last batches of a run shrink. */
  readonly tapers: boolean
}

export type Packings = Readonly<Record<ModelName, Packing>>

/** What decides how the input of a run is cut and counted. */
export interface CountOptions extends RecordFilter {
  readonly bundle: Bundle
  readonly tokenizers: Readonly<Record<ModelName, Tokenizer>>
  /** Length of chunks, in bases. */
  readonly expectedLength: number
  readonly sequencesPerFile: number
  readonly layout: LayoutName
  /** One for each place that may compute. */
  readonly packings: readonly Packings[]
}

/** What is counted of an input, whoever computes it. */
export const FIGURES = [
  'records',
  'filteredRecords',
  'bases',
  'chunks',
  'chunksWithoutFrame',
  'frames',
  'frameBases',
  'frameResidues',
  'chunkBases',
  'chunkIdBytes',
  'frameIdBytes',
] as const
export type Figures = Record<(typeof FIGURES)[number], number>

/** The work of one model: different sequences of each window, and their tokens, special ones included. */
export interface Sequences {
  sequences: number
  tokens: number
}

/** The same, packed into batches. */
export interface Packed {
  batches: number
  /** Tokens of the batches, padding included. */
  paddedTokens: number
  /** These by the length of their rows, in tokens. */
  readonly byLength: Map<number, number>
}

/** Rows of one length, in tokens. */
export interface BatchShape {
  readonly rows: number
  readonly length: number
}

/** What was counted. */
export interface Counts {
  readonly figures: Figures
  readonly models: Record<ModelName, Sequences>
  /** In the order of the packings asked for. */
  readonly packed: readonly Record<ModelName, Packed>[]
}

/**
 * Counts what a run would make of records, by the very steps of a run: chunks, open frames, windows of whole parts, equal
 * sequences once, batches. Holds one window at a time.
 */
export class InputCounter {
  readonly #options: CountOptions
  readonly counts: Counts
  readonly #keepEmpty: boolean
  #window: OpenFrame[] = []

  constructor(options: CountOptions) {
    this.#options = options
    this.#keepEmpty = options.layout === 'broad'
    this.counts = noCounts(options.packings.length)
  }

  add({ id, sequence }: Pick<SequenceRecord, 'id' | 'sequence'>): void {
    const { figures } = this.counts
    const idBytes = Buffer.byteLength(id) + '_chunk_'.length
    figures.records++
    figures.bases += sequence.length
    if (filteredBy(sequence, this.#options) !== undefined) {
      figures.filteredRecords++
      return
    }
    const options = { keepEmpty: this.#keepEmpty }
    for (const { index, chunk, frames } of openChunks(sequence, this.#options.expectedLength, options)) {
      const chunkIdBytes = idBytes + String(index).length
      figures.chunks++
      figures.chunkBases += chunk.length
      figures.chunkIdBytes += chunkIdBytes
      if (frames.length === 0) figures.chunksWithoutFrame++
      for (const frame of frames) this.#addFrame(frame, chunkIdBytes + frame.frame.length)
    }
  }

  #addFrame(frame: OpenFrame, idBytes: number): void {
    const { figures } = this.counts
    const { sequencesPerFile } = this.#options
    // A window ends with a part, and when the next one begins.
    if (this.#window.length >= WINDOW_FRAMES && figures.frames % sequencesPerFile === 0) this.#close(false)
    this.#window.push(frame)
    figures.frames++
    figures.frameIdBytes += idBytes
    figures.frameBases += frame.nucleotide.length
    figures.frameResidues += frame.protein.length
  }

  /** @param last - whether the input ends here, and does not only go on somewhere else */
  finish(last = true): Counts {
    if (this.#window.length > 0) this.#close(last)
    return this.counts
  }

  #close(last: boolean): void {
    const window = this.#window
    this.#window = []
    forModels((model) => {
      const lengths = this.#lengthsOf(model, window)
      const { models, packed } = this.counts
      models[model].sequences += lengths.length
      for (const length of lengths) models[model].tokens += length
      for (const [i, packings] of this.#options.packings.entries())
        pack(packed[i]![model], lengths, packings[model], last)
    })
  }

  /** Tokens of each different sequence. */
  #lengthsOf(model: ModelName, window: readonly OpenFrame[]): number[] {
    const { bundle, layout, tokenizers } = this.#options
    const { maxResidues } = bundle.manifest.models[model]
    const isProtein = MODELS[model].sequence === 'protein'
    const sequences = window.map(({ protein, nucleotide }) => (isProtein ? protein : nucleotide))
    const lengths: number[] = []
    for (const place of dedupe(sequences).unique) {
      const sequence = sequences[place]!
      // A frame without residues has no embedding.
      if (isProtein && sequence.length === 0) continue
      const read =
        layout === 'broad' && maxResidues !== undefined ? sequence.subarray(0, maxResidues) : sequence
      lengths.push(tokenizers[model].encode(read).length)
    }
    return lengths
  }
}

function pack(into: Packed, lengths: readonly number[], packing: Packing, last: boolean): void {
  const { tokenBudget, maxSequences, tapers } = packing
  const options = { tokenBudget, ...(maxSequences !== undefined && { maxSequences }), taper: tapers && last }
  for (const { tokens, paddedLength } of planBatches(lengths, options)) {
    into.batches++
    into.paddedTokens += tokens
    into.byLength.set(paddedLength, (into.byLength.get(paddedLength) ?? 0) + tokens)
  }
}

export function noCounts(packings: number): Counts {
  const figures = Object.fromEntries(FIGURES.map((name) => [name, 0])) as Figures
  return {
    figures,
    models: forModels(() => ({ sequences: 0, tokens: 0 })),
    packed: Array.from({ length: packings }, () =>
      forModels(() => ({ batches: 0, paddedTokens: 0, byLength: new Map() })),
    ),
  }
}

/** Adds `factor` times what was counted in a part of an input. */
export function addCounts(into: Counts, counts: Counts, factor: number): void {
  for (const name of FIGURES) into.figures[name] += factor * counts.figures[name]
  forModels((model) => {
    into.models[model].sequences += factor * counts.models[model].sequences
    into.models[model].tokens += factor * counts.models[model].tokens
    for (const [i, packed] of counts.packed.entries()) {
      const to = into.packed[i]![model]
      to.batches += factor * packed[model].batches
      to.paddedTokens += factor * packed[model].paddedTokens
      for (const [length, tokens] of packed[model].byLength)
        to.byLength.set(length, (to.byLength.get(length) ?? 0) + factor * tokens)
    }
  })
}

/** The batch that most tokens of an input are in, as large as the packing allows. */
export function shapesOf(
  packings: Packings,
  packed: Readonly<Record<ModelName, Packed>>,
): Record<ModelName, BatchShape> {
  return forModels((model) => {
    let left = packed[model].paddedTokens / 2
    let length = 1
    for (const [each, tokens] of [...packed[model].byLength].sort(([a], [b]) => a - b)) {
      length = each
      left -= tokens
      if (left <= 0) break
    }
    const { tokenBudget, maxSequences = tokenBudget } = packings[model]
    return { length, rows: Math.max(1, Math.min(maxSequences, Math.floor(tokenBudget / length))) }
  })
}
