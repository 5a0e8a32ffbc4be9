import {
  type Bundle,
  backbonesDigest,
  computesOnCpu,
  type HostedName,
  hostedNames,
  MODEL_NAMES,
  openBundle,
  pairOf,
  readBounds,
  statementText,
} from '../../bundle/index.ts'
import { UsageError } from '../../system/errors.ts'
import { PlanError } from './errors.ts'
import { createRepository } from './folder.ts'
import { type ModelRequest, writeEmbeddingModel, writeSequenceModel } from './models.ts'
import type { BuildOptions, BuiltRepository } from './options.ts'
import { findPlans, type Plan } from './plans.ts'
import { addFile, type RecordedFile } from './recorded-files.ts'
import { readTuning, tunedBudget } from './tuning.ts'

/** See `buildRepository` in index.ts, which loads this file. */
export async function buildRepository(options: BuildOptions): Promise<BuiltRepository> {
  const { instances = 1 } = options
  if (!Number.isInteger(instances) || instances < 1)
    throw new UsageError(`instances: expected a whole number from 1, got ${instances}`)
  const bundle = await openBundle(options.bundle)
  const plans = await plansOf(options, bundle)
  const tuning = options.plans === undefined ? undefined : await readTuning(options.plans)
  const models: string[] = []
  const about = {
    format: 'virnucpro-repository',
    version: 1,
    backend: options.backend,
    bundle: { name: bundle.manifest.name, digest: bundle.digest },
    backbones: backbonesDigest(bundle.manifest),
  }
  const { output, force = false, placement = 'link' } = options
  const inputs = [bundle.folder, options.plans]
  await createRepository({ output, force, about, inputs }, async (folder) => {
    const files: RecordedFile[] = []
    const add: ModelRequest['add'] = async (...file) => {
      files.push(await addFile({ folder, placement }, ...file))
    }
    const request = (model: HostedName) => {
      const own = plans.get(model) ?? []
      return { ...options, folder, add, bundle, plans: own, tuned: tunedBudget(tuning, own) }
    }
    for (const model of MODEL_NAMES) {
      const asked = { ...request(model), model }
      models.push(await writeEmbeddingModel(asked), await writeSequenceModel(asked))
    }
    const pair = pairOf(bundle.manifest)
    if (pair !== undefined) {
      const statement = statementText(pair, await readBounds(bundle))
      models.push(await writeEmbeddingModel({ ...request(pair.name), model: pair.name, statement }))
    }
    return { files }
  })
  return { output: options.output, models }
}

async function plansOf(options: BuildOptions, bundle: Bundle): Promise<Map<HostedName, Plan[]>> {
  const { backend, plans } = options
  const { precision, attention } = bundle.manifest
  if (attention === 'fused' && (backend !== 'python' || plans === undefined)) {
    throw new PlanError(
      bundle.folder,
      `the bundle ${bundle.folder} has fused attention, which only TensorRT plans in the Python backend can compute`,
      { detail: { code: 'attention-needs-plans', data: {} } },
    )
  }
  if (backend === 'python' && plans === undefined && !computesOnCpu(precision)) {
    throw new PlanError(
      bundle.folder,
      `the bundle ${bundle.folder} is in ${precision}, which the Python backend can compute only through TensorRT plans`,
      { detail: { code: 'precision-needs-plans', data: {} } },
    )
  }
  if (backend === 'tensorrt' && plans === undefined)
    throw new PlanError(options.output, 'the backend tensorrt needs a folder with TensorRT plans', {
      detail: { code: 'plans-not-named', data: {} },
    })
  const found = new Map<HostedName, Plan[]>()
  if (backend === 'onnxruntime' || plans === undefined) return found
  for (const model of hostedNames(bundle.manifest)) found.set(model, await findPlans(plans, model, bundle))
  return found
}
