/** How far a figure may have risen by the last third of a soak: by a share of what it was, or by so much. */
export interface Margin {
  readonly share: number
  readonly least: number
}

export interface Verdict {
  /** Medians of the first and the last third, and the largest of all. */
  readonly first: number
  readonly last: number
  readonly peak: number
  /** The largest median of the last third that counts as flat. */
  readonly limit: number
  readonly isFlat: boolean
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Whether a figure stays where it was: medians, so that one sample at a bad moment decides nothing. */
export function verdictOn(values: readonly number[], { share, least }: Margin): Verdict {
  if (values.length === 0) throw new Error('no samples')
  const third = Math.max(1, Math.floor(values.length / 3))
  const first = median(values.slice(0, third))
  const last = median(values.slice(-third))
  const limit = first + Math.max(first * share, least)
  return { first, last, peak: Math.max(...values), limit, isFlat: last <= limit }
}
