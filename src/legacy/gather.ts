import type { FeatureTable } from '../torchfile/index.ts'
import type { PartFasta } from './part-fasta.ts'
import { readLegacyFile } from './read.ts'

/** Bytes of the parts that are filled while the batches are read once. */
const GROUP_BYTES = 2 ** 30

/**
 * The protein vectors of some parts, from batches that hold them in any order. The batches are read once for each
 * GiB of parts.
 * @throws Error when a batch changed since it was looked at
 */
export async function* gatherParts<Part extends { fasta: PartFasta }>(
  parts: readonly Part[],
  batches: readonly string[],
  signal?: AbortSignal,
): AsyncGenerator<{ part: Part; table: FeatureTable }> {
  let rest = [...parts]
  while (rest.length > 0) {
    const group = new Filling()
    for (const path of batches) {
      signal?.throwIfAborted()
      const { file, table } = await readLegacyFile(path, 'broad')
      if (table === undefined) throw new Error(`${path} ${file.problem}`)
      if (group.isEmpty) rest = group.take(rest, table.dim)
      group.fill(table)
    }
    for (const { part, ids, rows, dim, missing } of group.parts) {
      if (missing.size > 0) throw new Error(`${part.fasta.path}: the batches have changed meanwhile`)
      yield { part: part as Part, table: { ids, rows, dim } }
    }
    if (group.isEmpty) return
  }
}

interface Filled {
  part: { fasta: PartFasta }
  ids: string[]
  rows: Float32Array
  dim: number
  missing: Set<string>
}

class Filling {
  readonly parts: Filled[] = []
  readonly #places = new Map<string, { part: Filled; row: number }>()

  get isEmpty(): boolean {
    return this.parts.length === 0
  }

  /** @returns the parts that have no room any more */
  take<Part extends { fasta: PartFasta }>(parts: readonly Part[], dim: number): Part[] {
    let bytes = 0
    const rest: Part[] = []
    for (const part of parts) {
      const ids = [...part.fasta.sequences.keys()]
      bytes += ids.length * dim * 4
      if (this.parts.length > 0 && bytes > GROUP_BYTES) {
        rest.push(part)
        continue
      }
      const filled = { part, ids, rows: new Float32Array(ids.length * dim), dim, missing: new Set(ids) }
      this.parts.push(filled)
      for (const [row, id] of ids.entries()) this.#places.set(id, { part: filled, row })
    }
    return rest
  }

  /** The first vector of an id is the one. */
  fill({ ids, rows, dim }: FeatureTable): void {
    for (const [i, id] of ids.entries()) {
      const place = this.#places.get(id)
      if (place === undefined || !place.part.missing.delete(id) || dim !== place.part.dim) continue
      place.part.rows.set(rows.subarray(i * dim, (i + 1) * dim), place.row * dim)
    }
  }
}
