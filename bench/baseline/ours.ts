import { join } from 'node:path'
import { OnnxRuntimeBackend } from '../../src/backends/index.ts'
import { dedupe, padBatch, planBatches } from '../../src/batching/index.ts'
import { loadEsm2, openBundle } from '../../src/models/index.ts'
import { writeModel } from '../../src/onnx/index.ts'
import { EsmAlphabet } from '../../src/tokenizers/index.ts'

/** Writes the graph that a bundle made from this file would hold. */
export async function importEsm2(path: string, folder: string): Promise<{ graph: string; width: number }> {
  await using model = await loadEsm2(path, { precision: 'fp32' })
  await writeModel(model.graph, { folder, inline: false, producer: { name: 'virnucpro', version: 'bench' } })
  return { graph: join(folder, 'model.onnx'), width: model.shape.width }
}

/** The embedded backend of a run; its other model is the one of the demo bundle, which is not run. */
export async function openEmbedded(
  model: { graph: string; width: number },
  threads: number,
): Promise<OnnxRuntimeBackend> {
  const demo = await openBundle('demo')
  const { graph, width } = demo.manifest.models.dnabert_s
  return await OnnxRuntimeBackend.open({
    models: {
      esm2: { graph: model.graph, dimension: model.width },
      dnabert_s: { graph: demo.pathOf(graph), dimension: width },
    },
    threads,
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
