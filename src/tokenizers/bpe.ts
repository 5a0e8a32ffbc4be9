import { mergesByMatch } from './bpe-by-match.ts'
import { mergesByRank } from './bpe-by-rank.ts'
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

/** The fastest encoder that is exact for this table. */
export function createBpe(table: BpeTable): EncodeWord {
  return isCanonical(table) ? mergesByMatch(table) : mergesByRank(table)
}

/**
 * True where every token comes from one merge of letters or of tokens made earlier in the list, as training writes it.
 * Only then is "neighbours that do not merge" a local question, which matching depends on.
 */
export function isCanonical({ symbols, merges }: BpeTable): boolean {
  const known = new Set(symbols)
  for (const { left, right, merged } of merges) {
    if (!known.has(left) || !known.has(right) || known.has(merged)) return false
    known.add(merged)
  }
  return true
}
