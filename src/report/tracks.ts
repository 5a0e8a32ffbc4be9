import { columnNames, columnPlaces } from '../layout/index.ts'
import { DataError } from '../system/errors.ts'
import { linesOf } from '../system/lines.ts'
import { type Contig, InputNames } from './contigs.ts'
import type { Summary } from './summary.ts'
import { readTable } from './tsv.ts'

/** A track has no more steps; the chunks of longer contigs share one. */
const MOST_STEPS = 120

/** A score as a letter, in steps finer than a screen shows; client/contig-table.js reads them. */
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const SILENT = '..'

export interface Tracks {
  /** By contig: two letters for each step, its scores for virus and others, or `..` where no chunk has a score. */
  scores: Map<Contig, string>
  /** Places of viral stretches as `viral.bed` has them: start from 0 and end, in bases. */
  stretches: Map<Contig, [number, number][]>
  /** For each input, how many of its chunks are silent for which reason. */
  silences: Map<string, number>[]
}

const AT = columnPlaces('chunks')
const IN_BED = columnPlaces('bed')

/**
 * Reads the table of chunks once, and keeps what is drawn.
 *
 * @throws DataError when a table is damaged or of another run
 */
export async function readTracks(
  paths: { chunks: string; bed: string },
  contigs: readonly Contig[],
  summary: Summary,
): Promise<Tracks> {
  const names = new InputNames(summary)
  const silences = summary.inputs.map(() => new Map<string, number>())
  const tracks = new TrackBuilder(paths.chunks, contigs)
  for await (const rows of readTable(paths.chunks, columnNames('chunks'))) {
    for (const cells of rows) {
      if (cells[AT.status] === 'not_scored')
        count(silences[names.indexOf(cells[AT.file])], cells[AT.reason] as string)
      tracks.add(cells)
    }
  }
  return { scores: tracks.scores, stretches: await readStretches(paths.bed, contigs), silences }
}

/** Takes the rows of the table of chunks one by one, and makes the tracks of some contigs. */
class TrackBuilder {
  readonly scores = new Map<Contig, string>()
  readonly #path: string
  readonly #wanted: readonly Contig[]
  #next = 0
  #row = 0
  #steps: Steps

  constructor(path: string, contigs: readonly Contig[]) {
    this.#path = path
    this.#wanted = contigs.filter(({ chunks }) => chunks > 0).sort((a, b) => a.firstChunk - b.firstChunk)
    this.#steps = stepsOf(this.#wanted[0])
  }

  add(cells: readonly string[]): void {
    const chunk = this.#row++ - (this.#wanted[this.#next]?.firstChunk ?? Number.POSITIVE_INFINITY)
    if (chunk < 0) return
    const contig = this.#wanted[this.#next] as Contig
    if (cells[AT.seq_name] !== contig.name)
      throw new DataError(
        `${this.#path} does not fit the table of contigs: a chunk of ${cells[AT.seq_name]} stands where one of ${contig.name} is expected`,
      )
    this.#steps.add(chunk, Number(cells[AT.virus_score]), Number(cells[AT.others_score]))
    if (chunk < contig.chunks - 1) return
    this.scores.set(contig, this.#steps.text)
    this.#steps = stepsOf(this.#wanted[++this.#next])
  }
}

function count(counts: Map<string, number> | undefined, reason: string): void {
  counts?.set(reason, (counts.get(reason) ?? 0) + 1)
}

function stepsOf(contig: Contig | undefined): Steps {
  return new Steps(contig?.chunks ?? 0)
}

/** Means of the scores of neighbours. */
class Steps {
  readonly #chunks: number
  readonly #count: number
  readonly #sums: { virus: number; others: number; scored: number }[]

  constructor(chunks: number) {
    this.#chunks = chunks
    this.#count = Math.min(chunks, MOST_STEPS)
    this.#sums = Array.from({ length: this.#count }, () => ({ virus: 0, others: 0, scored: 0 }))
  }

  add(chunk: number, virus: number, others: number): void {
    if (Number.isNaN(virus)) return
    const sum = this.#sums[Math.floor((chunk * this.#count) / this.#chunks)]!
    sum.virus += virus
    sum.others += others
    sum.scored++
  }

  get text(): string {
    return this.#sums
      .map(({ virus, others, scored }) =>
        scored === 0 ? SILENT : letter(virus / scored) + letter(others / scored),
      )
      .join('')
  }
}

function letter(score: number): string {
  return LETTERS[Math.round(score * (LETTERS.length - 1))] as string
}

/** Stretches are found by name: ids are different, and where they are not, both contigs show them. */
async function readStretches(path: string, contigs: readonly Contig[]): Promise<Tracks['stretches']> {
  const byName = Map.groupBy(contigs, ({ name }) => name)
  const found = new Map<Contig, [number, number][]>()
  for await (const lines of linesOf(path)) {
    for (const line of lines) {
      const cells = line.split('\t')
      for (const contig of byName.get(cells[IN_BED.chrom] as string) ?? []) {
        const places = found.get(contig) ?? []
        places.push([Number(cells[IN_BED.chromStart]), Number(cells[IN_BED.chromEnd])])
        found.set(contig, places)
      }
    }
  }
  return found
}
