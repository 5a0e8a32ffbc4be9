import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { dedupe, padBatch, planBatches } from '../../src/batching/index.ts'
import { openBundle } from '../../src/bundle/index.ts'
import { OnnxRuntimeBackend } from '../../src/dispatch/index.ts'
import { openEsm2 } from '../../src/import/index.ts'
import { calibrateInt8 } from '../../src/import/quantize/int8.ts'
import { EXAMPLE_SEQUENCES, readOrfs } from '../../src/import/quantize/orfs.ts'
import { writeModel } from '../../src/onnx/index.ts'
import { EsmAlphabet } from '../../src/tokenizers/index.ts'

export interface ImportedEsm2 {
  readonly graph: string
  readonly width: number
  readonly precision: 'fp32' | 'int8'
}

const PRODUCER = { name: 'virnucpro', version: 'bench' }

/** Writes the graph that a bundle in FP32 made from this file would hold. */
export async function importEsm2(path: string, folder: string): Promise<ImportedEsm2> {
  await using model = await openEsm2(path)
  await writeModel(model.graph(), { folder, producer: PRODUCER })
  return { graph: join(folder, 'model.onnx'), width: model.shape.width, precision: 'fp32' }
}

/** Writes the graph that a bundle in INT8 made from this file, without sequences of the user's, would hold. */
export async function importEsm2Int8(path: string, folder: string): Promise<ImportedEsm2> {
  await using esm2 = await openEsm2(path)
  await mkdir(folder, { recursive: true })
  const orfs = await readOrfs(EXAMPLE_SEQUENCES)
  const { options } = await calibrateInt8(esm2, orfs, { folder })
  await writeModel(esm2.graph(options), { folder, producer: PRODUCER })
  return { graph: join(folder, 'model.onnx'), width: esm2.shape.width, precision: 'int8' }
}

/** The embedded backend of a run; its other model is the one of the demo bundle, which is not run. */
export async function openEmbedded(model: ImportedEsm2, threads: number): Promise<OnnxRuntimeBackend> {
  const demo = await openBundle('demo')
  const { graph, width } = demo.manifest.models.dnabert_s
  return await OnnxRuntimeBackend.open({
    models: {
      esm2: { graph: model.graph, dimension: model.width },
      dnabert_s: { graph: demo.pathOf(graph), dimension: width },
    },
    threads,
    precision: model.precision,
  })
}

/** Embeds proteins as a run does: equal ones once, sorted by length, packed, a row for each in the given order. */
export async function embedProteins(
  backend: OnnxRuntimeBackend,
  proteins: readonly Uint8Array[],
): Promise<Float32Array> {
  const esm = new EsmAlphabet()
  const { unique, groupOf } = dedupe(proteins)
  const rows = Array.from(unique, (at) => esm.encode(proteins[at]!))
  const width = backend.dimension('esm2')
  const vectors = new Float32Array(rows.length * width)
  const plan = planBatches(
    rows.map((row) => row.length),
    { tokenBudget: backend.tokenBudget() },
  )
  for (const { members } of plan) {
    const batch = Array.from(members, (row) => rows[row]!)
    const found = await backend.embed('esm2', padBatch(batch, esm.padId))
    for (const [at, row] of members.entries()) {
      vectors.set(found.subarray(at * width, (at + 1) * width), row * width)
    }
  }
  const all = new Float32Array(proteins.length * width)
  for (const [at, row] of groupOf.entries())
    all.set(vectors.subarray(row * width, (row + 1) * width), at * width)
  return all
}
