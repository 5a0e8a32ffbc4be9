import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { modelDigest, servedVersion, sourceDigest } from '../../bundle/index.ts'
import { limitEntries } from './limits.ts'
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
  const { model, bundle } = request
  const { dimension, padId } = bundle.manifest.models[model]
  const folder = join(request.folder, model)
  const digest = modelDigest(bundle.manifest, model)
  const version = join(folder, servedVersion(digest))
  await mkdir(join(folder, 'warmup'), { recursive: true })
  await mkdir(version)

  const shapes = request.plans[0]?.sidecar.profiles.map(({ opt }) => opt) ?? CPU_WARMUP
  const path = join(folder, 'config.pbtxt')
  const how = hosting(request)
  const text = await renderTemplate(templatePath(model, `config.${how}.pbtxt`), {
    ...valuesOf[how](request),
    dimension,
    source: sourceDigest(bundle.manifest.models[model]),
    precision: bundle.manifest.precision,
    digest,
    instances: request.instances ?? 1,
    warmup: warmupEntries(shapes),
  })
  await writeFile(path, text)
  // Every id of the vocabulary will do.
  await writeWarmup(join(folder, 'warmup'), shapes, padId)
  for (const { from, name, content } of filesOf(request))
    await request.files.add(from, join(version, name), content)
  for (const [from, to] of Object.entries(CODE[how])) {
    await place(templatePath('python', from), join(version, to), 'copy')
  }
  return model
}

/** What runs the model in which backend: each way has a template of its own. */
type Hosting = 'tensorrt' | 'onnxruntime' | 'python' | 'python-plans'

function hosting({ backend, plans }: ModelRequest): Hosting {
  return backend === 'python' && plans.length > 0 ? 'python-plans' : backend
}

/** Code of the Python backend, and the names under which it is found there. */
const CODE: Record<Hosting, Readonly<Record<string, string>>> = {
  tensorrt: {},
  onnxruntime: {},
  python: { 'embedding.py': 'model.py', 'token_batch.py': 'token_batch.py' },
  'python-plans': {
    'plan.py': 'model.py',
    'plan_engine.py': 'plan_engine.py',
    'overlap.py': 'overlap.py',
    'attention_plugin.py': 'attention_plugin.py',
    'attention_kernel.py': 'attention_kernel.py',
    'attention.cu': 'attention.cu',
    'cuda_runtime.py': 'cuda_runtime.py',
    'profiles.py': 'profiles.py',
    'tensorrt_api.py': 'tensorrt_api.py',
    'token_batch.py': 'token_batch.py',
  },
}

const valuesOf: Record<Hosting, (request: ModelRequest) => Record<string, string | number>> = {
  tensorrt: (request) => ({
    limits: limitEntries(request),
    profiles: (request.plans[0]?.sidecar.profiles ?? []).map((_, index) => quote(String(index))).join(', '),
    plans: request.plans
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
  'python-plans': (request) => ({
    limits: limitEntries(request),
    vocabulary: request.bundle.manifest.models[request.model].vocabulary,
  }),
}

function filesOf({ bundle, model, plans }: ModelRequest) {
  if (plans.length > 0) {
    return plans.map(({ path, sidecar }) => ({
      from: path,
      name: planFileName(sidecar.computeCapability),
      content: sidecar.plan,
    }))
  }
  const { graph, weights } = bundle.manifest.models[model]
  return [
    { from: bundle.pathOf(graph), name: 'model.onnx', content: graph },
    // The graph names this file; it must lie beside it.
    { from: bundle.pathOf(weights), name: weights.path.split('/').at(-1) ?? weights.path, content: weights },
  ]
}
