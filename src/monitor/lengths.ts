/** How many lengths fall between two others; `from` is part of the range, `below` is not. */
export interface LengthBin {
  from: number
  below: number
  count: number
}

export interface LengthSummary {
  count: number
  /** Sum of all lengths, in bases. */
  total: number
  shortest: number
  longest: number
  /** Only bins that hold something, ascending. */
  bins: LengthBin[]
}

/** Ten bins for each power of ten; or bins of one width, the first from 1, so that a whole chunk ends the last one. */
export type Binning = { kind: 'log' } | { kind: 'width'; width: number }

/**
 * Counts lengths while a run reads, at the cost of one addition each. Widths are for chunks, whose lengths lie close
 * together; powers of ten are for reads and contigs, which go from 50 bases to a chromosome.
 */
export class LengthCounter {
  readonly #binning: Binning
  readonly #counts: number[] = []
  readonly #all = { count: 0, total: 0, shortest: 0, longest: 0 }

  constructor(binning: Binning) {
    this.#binning = binning
  }

  add(length: number): void {
    const bin = this.#binOf(length)
    while (this.#counts.length <= bin) this.#counts.push(0)
    this.#counts[bin] = (this.#counts[bin] as number) + 1
    const all = this.#all
    all.shortest = all.count === 0 ? length : Math.min(all.shortest, length)
    all.longest = Math.max(all.longest, length)
    all.total += length
    all.count++
  }

  summary(): LengthSummary {
    const bins = this.#counts.flatMap((count, bin) =>
      count === 0 ? [] : [{ from: this.#edge(bin), below: this.#edge(bin + 1), count }],
    )
    return { ...this.#all, bins }
  }

  #binOf(length: number): number {
    if (this.#binning.kind === 'width') return Math.max(0, Math.floor((length - 1) / this.#binning.width))
    if (length < 1) return 0
    let bin = Math.floor(Math.log10(length) * 10)
    // The logarithm of a bin's own edge may round to either side.
    while (length < this.#edge(bin)) bin--
    while (length >= this.#edge(bin + 1)) bin++
    return bin
  }

  #edge(bin: number): number {
    if (this.#binning.kind === 'width') return bin * this.#binning.width + 1
    return bin === 0 ? 0 : Math.round(10 ** (bin / 10))
  }
}
