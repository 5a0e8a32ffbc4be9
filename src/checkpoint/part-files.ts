import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import type { OutputPaths } from '../outputs/index.ts'
import { writeAtomically } from '../system/index.ts'
import { type FeatureKind, type FeatureTable, writeFeatureFile } from '../torchfile/index.ts'

/** Everything the three `.pt` files of a part hold. */
export interface PartFeatures {
  /** Frame ids in the order of the part. */
  ids: readonly string[]
  /** Residues of each frame. */
  proteinLengths: readonly number[]
  /** Row-major [frames, dnabert + esm]. */
  features: Float32Array
  widths: { dnabert: number; esm: number }
  /** Added to every file of a demonstration. */
  stamp: string | undefined
}

/**
 * Writes `output_k_DNABERT_S.pt`, `output_k_ESM.pt` and `output_k_merged.pt` of a part in the chosen layout.
 * Broad's has `version` and `status` in each file and an empty `.done` beside it, made after the file is whole.
 */
export async function writePartFiles(paths: OutputPaths, number: number, part: PartFeatures): Promise<void> {
  const { dnabert, esm } = part.widths
  const inOrder = part.ids.map((_, i) => i)
  const files: [string, FeatureKind, FeatureTable][] = [
    [paths.dnabertPart(number), 'dnabert', columns(part, inOrder, 0, dnabert)],
    [
      paths.esmPart(number),
      'esm',
      columns(part, paths.layout === 'broad' ? inOrder : byLength(part), dnabert, esm),
    ],
    [paths.mergedPart(number), 'merged', { ids: part.ids, rows: part.features, dim: dnabert + esm }],
  ]
  for (const [path, kind, table] of files) {
    await writeAtomically(path, (sink) =>
      writeFeatureFile(kind, table, (bytes) => sink.write(bytes), {
        archiveName: basename(path, '.pt'),
        stamp: paths.layout === 'broad',
        ...(part.stamp === undefined ? {} : { notes: { demonstration: part.stamp } }),
      }),
    )
    if (paths.layout === 'broad') await writeAtomically(`${path}.done`, '')
  }
}

/** True where all three files of a part are there. */
export function partFilesPresent(paths: OutputPaths, number: number): boolean {
  return [paths.dnabertPart(number), paths.esmPart(number), paths.mergedPart(number)].every((path) =>
    existsSync(path),
  )
}

/** fair-esm sorts a file's sequences by length, then by position, before it makes batches; the file keeps that order. */
function byLength({ proteinLengths }: PartFeatures): number[] {
  return proteinLengths
    .map((length, i) => ({ length, i }))
    .sort((a, b) => a.length - b.length || a.i - b.i)
    .map(({ i }) => i)
}

/** Some columns of the features, rows in the given order. */
function columns(
  { ids, features, widths }: PartFeatures,
  order: readonly number[],
  first: number,
  dim: number,
): FeatureTable {
  const width = widths.dnabert + widths.esm
  const rows = new Float32Array(order.length * dim)
  for (const [to, from] of order.entries()) {
    const start = from * width + first
    rows.set(features.subarray(start, start + dim), to * dim)
  }
  return { ids: order.map((i) => ids[i] as string), rows, dim }
}
