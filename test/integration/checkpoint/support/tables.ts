import {
  encodeDnabertFile,
  encodeEsmFile,
  encodeMergedFile,
  type FeatureFileOptions,
  type FeatureTable,
} from '../../../../src/torchfile/index.ts'

/** A table whose values tell their row and column. */
export function tableOf(ids: readonly string[], dim: number, seed = 1): FeatureTable {
  const rows = Float32Array.from({ length: ids.length * dim }, (_, i) => Math.fround(Math.sin(seed + i)))
  return { ids, rows, dim }
}

export const encoders = { dnabert: encodeDnabertFile, esm: encodeEsmFile, merged: encodeMergedFile }

/** A small file of each kind, as the original or Broad's fork writes it. */
export async function smallFiles(options: Partial<FeatureFileOptions> = {}) {
  const ids = ['a_chunk_1F1', 'b_chunk_2R3', 'c_chunk_1R1']
  const make = (kind: keyof typeof encoders, dim: number) =>
    encoders[kind](tableOf(ids, dim), { archiveName: `output_1_${kind}`, ...options })
  return { dnabert: await make('dnabert', 3), esm: await make('esm', 4), merged: await make('merged', 7) }
}

/** xorshift32: the same mutations in every run. */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}
