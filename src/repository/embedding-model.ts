import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sourceDigest } from '../models/index.ts'
import type { RepositoryBackend } from './build.ts'
import { checkModelConfig } from './model-config.ts'
import { place } from './place.ts'
import { planFileName } from './plans.ts'
import { quote } from './quote.ts'
import type { ModelRequest } from './request.ts'
import { renderTemplate, templatePath } from './template.ts'
import { type BatchShape, warmupEntries, writeWarmup } from './warmup.ts'

/** One short batch tells whether a graph on the CPU answers at all. */
const CPU_WARMUP: readonly BatchShape[] = [[1, 16]]

/** Writes `esm2` or `dnabert_s`, which take token ids, and returns its name. */
export async function writeEmbeddingModel(request: ModelRequest): Promise<string> {
  const { model, bundle, backend } = request
  const { dimension, padId } = bundle.manifest.models[model]
  const folder = join(request.folder, model)
  const version = join(folder, '1')
  await mkdir(join(folder, 'warmup'), { recursive: true })
  await mkdir(version)

  const shapes = request.plans[0]?.sidecar.profiles.map(({ opt }) => opt) ?? CPU_WARMUP
  const path = join(folder, 'config.pbtxt')
  const text = await renderTemplate(templatePath(model, `config.${backend}.pbtxt`), {
    ...valuesOf[backend](request),
    dimension,
    source: sourceDigest(bundle.manifest.models[model]),
    instances: request.instances ?? 1,
    warmup: warmupEntries(shapes),
  })
  checkModelConfig(text, path, {
    name: model,
    backend,
    inputs: [
      { name: 'input_ids', type: 'TYPE_INT32', dims: [-1, -1] },
      { name: 'lengths', type: 'TYPE_INT32', dims: [-1] },
    ],
    outputs: [{ name: 'embedding', type: 'TYPE_FP32', dims: [-1, dimension] }],
  })
  await writeFile(path, text)
  // Every id of the vocabulary will do.
  await writeWarmup(join(folder, 'warmup'), shapes, padId)
  for (const [from, name] of filesOf(request))
    await place(from, join(version, name), request.placement ?? 'link')
  if (backend === 'python')
    await place(templatePath('python', 'embedding.py'), join(version, 'model.py'), 'copy')
  return model
}

const valuesOf: Record<RepositoryBackend, (request: ModelRequest) => Record<string, string | number>> = {
  tensorrt: ({ plans }) => ({
    profiles: (plans[0]?.sidecar.profiles ?? []).map((_, index) => quote(String(index))).join(', '),
    plans: plans
      .map(({ sidecar: { computeCapability } }) => {
        return `  { key: ${quote(computeCapability)} value: ${quote(planFileName(computeCapability))} }`
      })
      .join(',\n'),
  }),
  onnxruntime: ({ threads }) => ({ threads: threads ?? 0 }),
  python: ({ threads, bundle, model }) => ({
    threads: threads ?? 0,
    vocabulary: bundle.manifest.models[model].vocabulary,
  }),
}

function filesOf({ bundle, model, plans, backend }: ModelRequest): [from: string, name: string][] {
  if (backend === 'tensorrt') {
    return plans.map(({ path, sidecar }) => [path, planFileName(sidecar.computeCapability)])
  }
  const { graph, weights } = bundle.manifest.models[model]
  return [
    [bundle.pathOf(graph), 'model.onnx'],
    // The graph names this file; it must lie beside it.
    [bundle.pathOf(weights), weights.path.split('/').at(-1) ?? weights.path],
  ]
}
