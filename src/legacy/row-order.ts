import type { LayoutName } from '../layout/index.ts'
import type { FeatureKind, FeatureTable } from '../torchfile/index.ts'
import type { PartFasta } from './part-fasta.ts'

/**
 * The rows in the order of the layout: that of the FASTA file, and for the original's protein vectors by length,
 * then by that order, as fair-esm sorts them.
 */
export function ordered(
  kind: FeatureKind,
  table: FeatureTable,
  fasta: PartFasta | undefined,
  layout: LayoutName,
): FeatureTable {
  if (fasta === undefined) return table
  const { ids, rows, dim } = table
  const order = [...fasta.sequences.keys()]
  if (kind === 'esm' && layout === 'vanilla')
    order.sort((a, b) => (fasta.sequences.get(a)?.length ?? 0) - (fasta.sequences.get(b)?.length ?? 0))
  const places = new Map(ids.map((id, i) => [id, i]))
  const sorted = new Float32Array(rows.length)
  for (const [to, id] of order.entries()) {
    const from = (places.get(id) as number) * dim
    sorted.set(rows.subarray(from, from + dim), to * dim)
  }
  return { ids: order, rows: sorted, dim }
}
