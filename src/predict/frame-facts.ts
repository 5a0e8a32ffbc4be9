import { isAudited } from '../recheck/index.ts'
import type { Part } from './part.ts'

const AUDITED = 2 ** 31
/** ESM-2 has one token before a protein and one after it. */
const SPECIAL_TOKENS = 2

/**
 * What a recheck has to know of each frame of a part, a number for each: the tokens of its protein, and whether it is among those
 * that every run compares.
 *
 * @param most - residues that enter ESM-2
 */
export function frameFacts({ proteins }: Part, most: number): Uint32Array {
  return Uint32Array.from(
    proteins,
    (protein) => Math.min(protein.length, most) + SPECIAL_TOKENS + (isAudited(protein) ? AUDITED : 0),
  )
}

export function tokensIn(fact: number): number {
  return fact % AUDITED
}

export function isAuditedIn(fact: number): boolean {
  return fact >= AUDITED
}
