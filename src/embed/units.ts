import type { SequenceAlphabet, SequenceRecord } from '../fasta/index.ts'
import { emptyPart, type Part } from '../predict/index.ts'
import { eachChunk, openChunks } from '../sequence/index.ts'
import type { EmbedKind } from './choice.ts'
import { givenLetters } from './letters.ts'

/** A column of the output besides id, model and embedding. */
export interface Column {
  readonly name: string
  readonly type: 'text' | 'number'
  /** Markdown, without the last full stop. */
  readonly meaning: string
}

/** What is embedded, with what its row says. */
export interface Unit {
  readonly id: string
  /** Upper-case bases, for DNABERT-S. */
  readonly nucleotide?: Uint8Array
  /** Residues, for ESM-2. */
  readonly protein?: Uint8Array
  /** Values of the columns of its kind. */
  readonly place: readonly (string | number)[]
}

/** What records are made into units by. */
export interface UnitOptions {
  readonly of: EmbedKind
  /** Bases of a chunk. */
  readonly chunkLength: number
  readonly alphabet: SequenceAlphabet
  /** Most letters of a whole record that are embedded. */
  readonly maxLength: number
}

type OnChunk = (bases: number, units: number) => void

interface Kind {
  readonly columns: readonly Column[]
  /** @param onChunk - called with each chunk before its units */
  units(
    record: Pick<SequenceRecord, 'id' | 'sequence'>,
    options: UnitOptions,
    onChunk?: OnChunk,
  ): Generator<Unit>
}

const text = (name: string, meaning: string): Column => ({ name, type: 'text', meaning })
const number = (name: string, meaning: string): Column => ({ name, type: 'number', meaning })
const CHUNK = [
  text('seq_name', 'id of the record'),
  number('chunk', 'number of the chunk, from 1'),
  number('start', 'its first base on the record, from 1'),
  number('end', 'its last base on the record'),
]

/** What each kind is made of; the ids are those of `predict`. */
export const KINDS: Readonly<Record<EmbedKind, Kind>> = {
  frames: {
    columns: [
      ...CHUNK,
      text('strand', '`+`, or `-` for the reverse complement'),
      text('frame', '`F1` to `F3`, `R1` to `R3`'),
    ],
    *units({ id, sequence }, { chunkLength }, onChunk) {
      for (const { index, start, end, frames } of openChunks(sequence, chunkLength)) {
        onChunk?.(end - start, frames.length)
        for (const { frame, nucleotide, protein } of frames) {
          const strand = frame.startsWith('F') ? '+' : '-'
          const place = [id, index, start + 1, end, strand, frame]
          yield { id: `${id}_chunk_${index}${frame}`, nucleotide, protein, place }
        }
      }
    },
  },
  chunks: {
    columns: CHUNK,
    *units({ id, sequence }, { chunkLength }, onChunk) {
      for (const { index, start, end } of eachChunk(sequence.length, chunkLength)) {
        onChunk?.(end - start, 1)
        const nucleotide = givenLetters(sequence.subarray(start, end), 'dna', chunkLength)
        yield { id: `${id}_chunk_${index}`, nucleotide, place: [id, index, start + 1, end] }
      }
    },
  },
  records: {
    columns: [
      number('length', 'letters of the record'),
      number('embedded_length', 'of these, letters that the model was given'),
    ],
    *units({ id, sequence }, { alphabet, maxLength }, onChunk) {
      const letters = givenLetters(sequence, alphabet, maxLength)
      onChunk?.(sequence.length, 1)
      const place = [sequence.length, letters.length]
      yield alphabet === 'dna' ? { id, nucleotide: letters, place } : { id, protein: letters, place }
    },
  },
}

/** A part is full with so many units, and with so many letters: whole records may be long. */
const PART_UNITS = 10_000
const PART_LETTERS = 32 << 20

/** Units that are embedded together, in parallel lists. What is not given to a model has no list. */
export interface UnitPart extends Part {
  readonly columns: Readonly<Record<string, (string | number)[]>>
}

/** Gathers units into parts. Each part is a window by itself: what is computed together depends on the input alone. */
export class PartBuilder {
  readonly #columns: readonly Column[]
  readonly #units: number
  #number = 1
  #part: UnitPart
  #letters = 0

  /** @param units - most units of a part */
  constructor(columns: readonly Column[], units = PART_UNITS) {
    this.#columns = columns
    this.#units = units
    this.#part = this.#begin()
  }

  #begin(): UnitPart {
    this.#letters = 0
    const columns = Object.fromEntries(this.#columns.map(({ name }) => [name, []]))
    return { ...emptyPart(this.#number++), columns }
  }

  /** @returns the part that the unit fills */
  add({ id, nucleotide, protein, place }: Unit): UnitPart | undefined {
    const part = this.#part
    part.ids.push(id)
    if (nucleotide !== undefined) part.nucleotides.push(nucleotide)
    if (protein !== undefined) part.proteins.push(protein)
    for (const [i, { name }] of this.#columns.entries()) part.columns[name]?.push(place[i]!)
    this.#letters += (nucleotide?.length ?? 0) + (protein?.length ?? 0)
    if (part.ids.length < this.#units && this.#letters < PART_LETTERS) return undefined
    this.#part = this.#begin()
    return part
  }

  /** The last part; undefined where it is empty. */
  rest(): UnitPart | undefined {
    return this.#part.ids.length > 0 ? this.#part : undefined
  }
}

/** Digest of the ids and sequences of a part. */
export function digestOf({ ids, nucleotides, proteins }: Part): string {
  const hasher = new Bun.CryptoHasher('sha256')
  for (const [i, id] of ids.entries()) {
    hasher.update(`${id}\n`)
    for (const sequences of [nucleotides, proteins]) hasher.update(sequences[i] ?? '').update('\n')
  }
  return hasher.digest('hex')
}
