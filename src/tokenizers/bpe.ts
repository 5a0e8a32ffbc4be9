import type { Merge } from './pair-ranks.ts'

/** What byte-pair encoding needs to know: the symbols it starts from and the list of merges. */
export interface BpeTable {
  /** Text of each token that is a symbol or made by a merge, by id; ASCII only. */
  texts: ReadonlyMap<number, string>
  /** Ids of the single letters. */
  symbols: readonly number[]
  /** By rank: the earlier in the list, the earlier applied. */
  merges: readonly Merge[]
}

/**
 * Encodes bytes `[start, end)`, which must all be symbols of the table, into `out` from `offset` on (room for one id a
 * byte), and returns the offset behind the last id. Not re-entrant: it reuses its scratch space.
 */
export type EncodeWord = (
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Int32Array,
  offset: number,
) => number

/**
 * The first merge, from 0, that no training writes: one of tokens that are made later in the list or never, or of a token that is made
 * already; undefined where there is none. Only without such a merge is "neighbours that do not merge" a local question,
 * which `mergesByMatch` depends on.
 */
export function impossibleMerge({ symbols, merges }: BpeTable): number | undefined {
  const known = new Set(symbols)
  for (const [rank, { left, right, merged }] of merges.entries()) {
    if (!known.has(left) || !known.has(right) || known.has(merged)) return rank
    known.add(merged)
  }
  return undefined
}
