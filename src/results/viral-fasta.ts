import { type Evidence, TIERS } from './call.ts'
import type { KeptReader } from './kept-records.ts'
import { type Rows, spellings } from './rows.ts'
import type { StructureReader } from './structure.ts'

/** Letters a line, as Biopython writes them. */
const LINE = 60
const WORDS = spellings([
  '>',
  ' ',
  ' virus_score=',
  ' weighted_delta=',
  ' tier=',
  ' note=DEMONSTRATION',
] as const)
const TIER = spellings(TIERS)

/** Records as FASTA, with what was found about each between its id and its description. */
export class ViralFasta {
  /** Records so far. */
  count = 0
  readonly #rows: Rows
  readonly #record: StructureReader
  readonly #kept: KeptReader
  readonly #isDemonstration: boolean
  /** Kept records after the last one written. */
  #passed = 0

  /** @param kept - the records that have a frame */
  constructor(rows: Rows, record: StructureReader, kept: KeptReader, isDemonstration: boolean) {
    this.#isDemonstration = isDemonstration
    this.#rows = rows
    this.#record = record
    this.#kept = kept
  }

  /** The record is kept, and not written. */
  pass(): void {
    this.#passed++
  }

  /** Writes the record; yields where rows are to be written out. */
  *write({ virus, weightedDelta, tier }: Evidence): Generator<'full', void> {
    const rows = this.#rows
    const kept = this.#kept
    for (; this.#passed > 0; this.#passed--) kept.next()
    kept.next()
    this.count++
    rows.text(WORDS['>'])
    rows.more(this.#record.id, this.#record.idBytes)
    rows.more(WORDS[' virus_score='])
    rows.moreScore(virus)
    rows.more(WORDS[' weighted_delta='])
    rows.moreScore(weightedDelta)
    rows.more(WORDS[' tier='])
    rows.more(TIER[tier])
    if (this.#isDemonstration) rows.more(WORDS[' note=DEMONSTRATION'])
    if (kept.description.length > 0) {
      rows.more(WORDS[' '])
      rows.more(kept.description)
    }
    rows.endRow()
    let column = 0
    for (let piece = kept.letters(); piece.length > 0; piece = kept.letters()) {
      column = rows.lines(piece, LINE, column)
      if (rows.isFull) yield 'full'
    }
    if (column > 0) rows.endRow()
  }
}
