import { columnNames, columnPlaces } from '../layout/index.ts'
import { CALLS, type Call, type ResultsCounts, TIERS, type Tier } from '../results/index.ts'
import { DataError } from '../system/errors.ts'
import { printable } from '../system/printable.ts'
import { sourceName } from '../system/same-file.ts'
import type { Summary } from './summary.ts'
import { readTable } from './tsv.ts'

/** Bins of a weighted difference between -1 and 1. */
export const DELTA_BINS = 50

/** Rows of contigs in the page; a table of so many still sorts at once, and the page stays below some MB. */
export const SHOWN_CONTIGS = 3000

/** A record as `contigs.tsv` has it; scores are NaN where there are none. */
export interface Contig {
  name: string
  /** Place of its input among those of the run. */
  input: number
  /** Bases; NaN where unknown. */
  length: number
  chunks: number
  scored: number
  viralChunks: number
  virus: number
  others: number
  delta: number
  call: Call | undefined
  tier: Tier | undefined
  /** Why it has no call. */
  reason: string
  /** Rows of `chunks.tsv` before its own. */
  firstChunk: number
}

/** What `contigs.tsv` says of a run. */
export interface Contigs {
  counts: ResultsCounts
  /** Called records by call and tier. */
  tiers: Record<Call, Record<Tier, number>>
  /** Records without a call, by the reason. */
  reasons: Map<string, number>
  /** Weighted differences, by call. */
  deltas: Record<Call, number[]>
  /** In the order of the inputs. */
  inputs: ResultsCounts[]
  /** The first by rank, at most {@link SHOWN_CONTIGS}. */
  ranked: Contig[]
  /** Whether records of a single chunk, such as reads, are left out of `ranked`. */
  hasOnlyLonger: boolean
}

/**
 * Reads the table of contigs once, in memory that does not grow with it.
 *
 * @throws DataError when the table is damaged or of another run
 */
export async function readContigs(path: string, summary: Summary): Promise<Contigs> {
  const inputs = new InputNames(summary)
  const zero = (): ResultsCounts => ({ viral: 0, non_viral: 0, ambiguous: 0, uncalled: 0 })
  const each = <T>(make: () => T) =>
    Object.fromEntries(CALLS.map((call) => [call, make()])) as Record<Call, T>
  const found: Contigs = {
    counts: zero(),
    tiers: each(() => ({ high: 0, moderate: 0, low: 0, review: 0 })),
    reasons: new Map(),
    deltas: each(() => Array(DELTA_BINS).fill(0)),
    inputs: summary.inputs.map(zero),
    ranked: [],
    hasOnlyLonger: false,
  }
  const [all, longer] = [new Best(), new Best()]
  let records = 0
  let chunks = 0
  for await (const rows of readTable(path, columnNames('contigs'))) {
    for (const cells of rows) {
      const contig = contigOf(cells, inputs.indexOf(cells[AT.file]), chunks)
      records++
      chunks += contig.chunks
      tally(found, contig)
      if (records <= SHOWN_CONTIGS) all.add(contig)
      if (contig.chunks > 1) longer.add(contig)
    }
  }
  if (chunks !== summary.counts.chunks)
    throw new DataError(
      `${path} is not the table of this run: its records have ${chunks} chunks; the summary counts ${summary.counts.chunks}`,
    )
  found.hasOnlyLonger = records > SHOWN_CONTIGS
  found.ranked = (found.hasOnlyLonger ? longer : all).sorted()
  return found
}

const AT = columnPlaces('contigs')

function contigOf(cells: readonly string[], input: number, firstChunk: number): Contig {
  const [call, tier] = [cells[AT.call], cells[AT.tier]]
  return {
    name: cells[AT.seq_name] ?? '',
    input,
    length: Number(cells[AT.length]),
    chunks: count(cells[AT.n_chunks]),
    scored: count(cells[AT.n_scored]),
    viralChunks: count(cells[AT.n_viral]),
    virus: Number(cells[AT.virus_score]),
    others: Number(cells[AT.others_score]),
    delta: Number(cells[AT.weighted_delta]),
    call: CALLS.includes(call as Call) ? (call as Call) : undefined,
    tier: TIERS.includes(tier as Tier) ? (tier as Tier) : undefined,
    reason: cells[AT.reason] ?? '',
    firstChunk,
  }
}

/** Records left out have `NA` for all numbers. */
function count(text: string | undefined): number {
  return Number(text) || 0
}

function tally(found: Contigs, { call, tier, delta, input, reason }: Contig): void {
  const key = call ?? 'uncalled'
  found.counts[key]++
  const ofInput = found.inputs[input]
  if (ofInput !== undefined) ofInput[key]++
  if (call === undefined) {
    found.reasons.set(reason, (found.reasons.get(reason) ?? 0) + 1)
    return
  }
  if (tier !== undefined) found.tiers[call][tier]++
  const bins = found.deltas[call]
  const bin = Math.min(DELTA_BINS - 1, Math.floor(((delta + 1) / 2) * DELTA_BINS))
  bins[bin] = (bins[bin] as number) + 1
}

/** Which input a cell of the column `file` names; runs of one input have no such column. */
export class InputNames {
  readonly #places: Map<string, number>

  constructor({ inputs }: Summary) {
    this.#places = new Map(inputs.map(({ path }, i) => [printable(sourceName(path)), i]))
  }

  indexOf(file: string | undefined): number {
    return file === undefined ? 0 : (this.#places.get(file) ?? -1)
  }
}

const CALL_ORDER: readonly (Call | undefined)[] = ['viral', 'ambiguous', 'non_viral', undefined]

/**
 * What comes before what: viral contigs by tier, so that long ones are not behind all those of a single sure chunk; all by
 * their weighted difference; equal ones in the order of the input.
 */
function byRank(a: Contig, b: Contig): number {
  if (a.call !== b.call) return CALL_ORDER.indexOf(a.call) - CALL_ORDER.indexOf(b.call)
  if (a.call === undefined) return a.firstChunk - b.firstChunk
  const byTier =
    a.call === 'viral' ? TIERS.indexOf(a.tier ?? 'review') - TIERS.indexOf(b.tier ?? 'review') : 0
  return byTier || b.delta - a.delta || b.virus - a.virus || a.firstChunk - b.firstChunk
}

/** Keeps the first by rank. */
class Best {
  #contigs: Contig[] = []
  #last: Contig | undefined

  add(contig: Contig): void {
    if (this.#last !== undefined && byRank(contig, this.#last) > 0) return
    // A piece of a string keeps the whole alive, here a quarter of a million letters of the table.
    this.#contigs.push({ ...contig, name: copyOf(contig.name), reason: copyOf(contig.reason) })
    // Sorting now and then costs less than keeping a heap, and far less code.
    if (this.#contigs.length < 2 * SHOWN_CONTIGS) return
    this.#contigs = this.sorted()
    this.#last = this.#contigs.at(-1)
  }

  sorted(): Contig[] {
    return this.#contigs.sort(byRank).slice(0, SHOWN_CONTIGS)
  }
}

function copyOf(text: string): string {
  return Buffer.from(text).toString()
}
