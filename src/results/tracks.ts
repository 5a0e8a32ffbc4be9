import type { FrameName } from '../sequence/index.ts'
import { type Rows, spellings } from './rows.ts'
import { FRAMES, type StructureReader } from './structure.ts'

/** Rows of GFF3 allow these letters in names without an escape. Source: its specification, version 1.26. */
const PLAIN = /^[\w.:^*$@!+?|-]*$/
const HEX = Array.from({ length: 256 }, (_, byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)

const WORDS = spellings(['virnucpro', 'sequence_feature', '.', '+', '-', 'ID=', 'viral'] as const)
const CALLS = { viral: Buffer.from(';call=viral'), non_viral: Buffer.from(';call=non_viral') }
const FRAME_NOTES = Object.fromEntries(
  FRAMES.map((frame) => [frame, Buffer.from(`;frame=${frame};others_score=`)]),
) as Record<FrameName, Buffer>
const CHUNK = Buffer.from('_chunk_')

/** Chunks and viral stretches of records for genome browsers, as GFF3 and BED. */
export class Tracks {
  readonly #gff: Rows
  readonly #bed: Rows
  readonly #gap: number
  readonly #minScore: number
  readonly #record: StructureReader
  /** Name of the record in GFF3, and its bytes. */
  #name: { of: Uint8Array; bytes: number } | undefined
  /** The stretch that the last viral chunk belongs to: its chunks, in numbers and places, from 0. */
  #last = -1
  #start = 0
  #end = 0
  #viral = 0
  #sum = 0

  /**
   * @param gap - chunks that are not viral which a stretch bridges
   * @param minScore - chunks and stretches with a lower score are left out
   */
  constructor(gff: Rows, bed: Rows, record: StructureReader, gap: number, minScore: number) {
    this.#gff = gff
    this.#bed = bed
    this.#record = record
    this.#gap = gap
    this.#minScore = minScore
  }

  /** A scored chunk; those of a record in their order. */
  chunk(index: number, start: number, end: number, frame: FrameName, virus: number, others: number): void {
    const isViral = virus >= others
    if (virus >= this.#minScore) this.#feature(index, start, end, frame, virus, others, isViral)
    if (!isViral) return
    if (this.#viral > 0 && index - this.#last - 1 > this.#gap) this.endRecord()
    if (this.#viral === 0) this.#start = start
    this.#last = index
    this.#end = end
    this.#viral++
    this.#sum += virus
  }

  #feature(
    index: number,
    start: number,
    end: number,
    frame: FrameName,
    virus: number,
    others: number,
    isViral: boolean,
  ): void {
    const rows = this.#gff
    this.#name ??= this.#escaped()
    const { of, bytes } = this.#name
    rows.text(of, bytes)
    rows.text(WORDS.virnucpro)
    rows.text(WORDS.sequence_feature)
    rows.whole(start + 1)
    rows.whole(end)
    rows.score(virus)
    rows.text(frame.startsWith('F') ? WORDS['+'] : WORDS['-'])
    rows.text(WORDS['.'])
    rows.text(WORDS['ID='])
    rows.more(of, bytes)
    rows.more(CHUNK)
    rows.moreWhole(index)
    rows.more(isViral ? CALLS.viral : CALLS.non_viral)
    rows.more(FRAME_NOTES[frame])
    rows.moreScore(others)
    rows.endRow()
  }

  #escaped(): { of: Uint8Array; bytes: number } {
    const { id, idBytes } = this.#record
    const text = id.toString('latin1', 0, idBytes)
    if (PLAIN.test(text)) return { of: id, bytes: idBytes }
    const escaped = Array.from(text, (letter) =>
      PLAIN.test(letter) ? letter : (HEX[letter.charCodeAt(0)] as string),
    )
    const of = Buffer.from(escaped.join(''))
    return { of, bytes: of.length }
  }

  /** After the last chunk of a record: writes its last stretch. */
  endRecord(): void {
    this.#name = undefined
    if (this.#viral === 0) return
    const mean = this.#sum / this.#viral
    if (mean >= this.#minScore) this.#stretch(mean)
    this.#viral = 0
    this.#sum = 0
  }

  #stretch(score: number): void {
    const rows = this.#bed
    rows.text(this.#record.id, this.#record.idBytes)
    rows.whole(this.#start)
    rows.whole(this.#end)
    rows.text(WORDS.viral)
    rows.whole(Math.round(1000 * score))
    rows.text(WORDS['.'])
    rows.endRow()
  }
}
