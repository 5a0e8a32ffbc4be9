// Writes the graphs that the scripts in this folder measure, without weights: a 3B model is 5.7 GB, its graph 300 kB.
// The weights are made from a seed on the machine with the GPU (model.py). Usage: bun bench/gpu/make-graphs.ts FOLDER

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { dnabertGraph } from '../../src/import/graphs/dnabert.ts'
import { esm2Graph } from '../../src/import/graphs/esm2.ts'
import { defaultInverseFrequencies } from '../../src/import/graphs/rotary.ts'
import type { GraphOptions } from '../../src/import/index.ts'
import { encodeGraph, type GraphBuilder } from '../../src/onnx/index.ts'
import { dnabertForms, dnabertShape, esm2Forms, esm2Shapes, smallEsm2Forms } from './forms.ts'

const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('usage: make-graphs.ts FOLDER')

/** Encoding reads no weight. */
const noTensors = {
  read: () => Promise.reject(new Error('weights are made where they are needed')),
}

for (const [name, shape] of Object.entries(esm2Shapes)) {
  const forms = name === '3B' ? esm2Forms : smallEsm2Forms
  for (const [form, options] of Object.entries(forms)) {
    const frequencies = defaultInverseFrequencies(shape.width / shape.heads)
    const all = Array.from({ length: shape.layers }, () => frequencies)
    await save(`esm2-${name}-${form}`, esm2Graph(shape, noTensors, all, forTensorRt(options)), shape)
  }
}
for (const [form, options] of Object.entries(dnabertForms)) {
  await save(`dnabert-${form}`, dnabertGraph(dnabertShape, noTensors, forTensorRt(options)), dnabertShape)
}

/** BF16 unless the form says otherwise. */
function forTensorRt(options: GraphOptions): GraphOptions {
  return { precision: 'bf16', ...options }
}

async function save(name: string, graph: GraphBuilder, shape: object): Promise<void> {
  const target = join(folder!, name)
  await mkdir(target, { recursive: true })
  const bytes = encodeGraph(graph, { producer: { name: 'virnucpro', version: 'bench' } })
  await Bun.write(join(target, 'model.onnx'), bytes)
  await Bun.write(join(target, 'shape.json'), `${JSON.stringify({ kind: graph.name, ...shape })}\n`)
  console.log(name, `${(bytes.length / 1e3).toFixed(0)} kB`)
}
