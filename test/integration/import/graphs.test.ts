import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import type { Bundle } from '../../../src/bundle/index.ts'
import { alibiSlopes } from '../../../src/import/graphs/alibi.ts'
import { importModels } from '../../../src/import/index.ts'
import { hasPython, runPython } from '../../support/python.ts'
import { writeRandomModels } from './support/models.ts'
import { openGraph, temporaryFolder } from './support/run.ts'

const CHECK = `
import json, sys, onnx
for path in sys.argv[1:]:
    onnx.checker.check_model(path, full_check=True)
    model = onnx.shape_inference.infer_shapes(onnx.load(path), strict_mode=True)
    weights = {onnx.TensorProto.DataType.Name(w.data_type) for w in model.graph.initializer if len(w.dims) == 2}
    output = model.graph.output[0].type.tensor_type
    print(json.dumps({
        "inputs": {i.name: onnx.TensorProto.DataType.Name(i.type.tensor_type.elem_type) for i in model.graph.input},
        "output": [model.graph.output[0].name, onnx.TensorProto.DataType.Name(output.elem_type), output.shape.dim[1].dim_value],
        "weights": sorted(weights), "ir": model.ir_version, "opset": model.opset_import[0].version,
        "domains": sorted({n.domain for n in model.graph.node})}))
`

describe('graphs', () => {
  const folder = temporaryFolder()
  const bundles: Record<string, Bundle> = {}

  beforeAll(async () => {
    const models = await writeRandomModels(folder.path)
    for (const precision of ['fp32', 'bf16'] as const) {
      bundles[precision] = await importModels({ ...models, output: join(folder.path, precision), precision })
    }
  })
  afterAll(() => folder[Symbol.dispose]())

  const graphOf = (bundle: Bundle, model: 'esm2' | 'dnabert_s' | 'mlp') =>
    bundle.pathOf(bundle.manifest.models[model].graph)

  test.skipIf(!hasPython).each([
    ['fp32', ['FLOAT']],
    // What embeddings get back is FP32.
    ['bf16', ['BFLOAT16', 'FLOAT']],
  ])('%s passes the checker of ONNX, shapes and types included', async (precision, weights) => {
    const bundle = bundles[precision]!
    const paths = (['esm2', 'dnabert_s', 'mlp'] as const).map((model) => graphOf(bundle, model))
    const lines = (await runPython(CHECK, ...paths)).trim().split('\n')
    const common = { ir: 9, opset: 20, domains: [''] }
    const embedding = {
      ...common,
      inputs: { input_ids: 'INT32', lengths: 'INT32' },
      output: ['embedding', 'FLOAT', 24],
      weights,
    }
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      embedding,
      embedding,
      { ...common, inputs: { features: 'FLOAT' }, output: ['probabilities', 'FLOAT', 2], weights: ['FLOAT'] },
    ])
  })

  test('FP32 graphs load in ONNX Runtime; the classifier stays FP32', async () => {
    for (const model of ['esm2', 'dnabert_s', 'mlp'] as const) await openGraph(graphOf(bundles.fp32!, model))
    await openGraph(graphOf(bundles.bf16!, 'mlp'))
    expect(bundles.bf16!.manifest.models.mlp.graph).toEqual(bundles.fp32!.manifest.models.mlp.graph)
  })
})

test('slopes of ALiBi for numbers of heads that are and are no powers of two', () => {
  expect(alibiSlopes(4)).toEqual([1 / 4, 1 / 16, 1 / 64, 1 / 256])
  expect(alibiSlopes(1)).toEqual([1 / 256])
  const official = alibiSlopes(12)
  expect(official.slice(0, 8)).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((k) => 2 ** -k))
  expect(official.slice(8)).toEqual([2 ** -0.5, 2 ** -1.5, 2 ** -2.5, 2 ** -3.5])
})
