/** Which records are not cut. */
export interface RecordFilter {
  /** Fewest bases. @default 0, which every record has */
  readonly minLength?: number | undefined
  /** Largest share of letters other than A, C, G, T and U, 0 to 1. @default 1, which no record exceeds */
  readonly maxAmbiguous?: number | undefined
}

/** Why a record is not cut. */
export type FilterReason = 'below_min_length' | 'too_ambiguous'

const isBase = new Uint8Array(256)
for (const letter of 'ACGTUacgtu') isBase[letter.charCodeAt(0)] = 1

/** What the filter has against a record; undefined for nothing. */
export function filteredBy(
  sequence: Uint8Array,
  { minLength = 0, maxAmbiguous = 1 }: RecordFilter,
): FilterReason | undefined {
  if (sequence.length < minLength) return 'below_min_length'
  if (maxAmbiguous >= 1) return undefined
  let bases = 0
  for (let i = 0; i < sequence.length; i++) bases += isBase[sequence[i] as number] as number
  return sequence.length - bases > maxAmbiguous * sequence.length ? 'too_ambiguous' : undefined
}
