import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Bundle, hostedNames, pairOf, readBounds, statementText } from '../../bundle/index.ts'
import type { Gpu } from '../../machine/index.ts'
import {
  planFileName,
  type RepositoryBackend,
  readRecord,
  readSidecar,
  statementIn,
} from '../repository/index.ts'
import { leastOfEach } from './plan-fit.ts'

/** Why a repository does not host the plans in a folder for these GPUs; undefined when it does. Files are not read. */
export async function problemOfRepository(
  folder: string,
  {
    bundle,
    plans,
    gpus,
    backend,
  }: { bundle: Bundle; plans: string; gpus: readonly Gpu[]; backend: RepositoryBackend },
): Promise<string | undefined> {
  const record = await readRecord(folder).catch(() => undefined)
  if (record === undefined) return 'there is no model repository for these plans'
  if (record.backend !== backend) return `${folder} is for the backend ${record.backend}`
  for (const { path, bytes } of record.files) {
    const found = await stat(join(folder, path)).catch(() => undefined)
    if (found?.size !== bytes) return `${join(folder, path)} is not what was put there`
  }
  const hosted = new Set(record.files.map(({ sha256 }) => sha256))
  for (const model of hostedNames(bundle.manifest)) {
    for (const { computeCapability, name } of leastOfEach(gpus)) {
      const { plan } = await readSidecar(join(plans, model, planFileName(computeCapability)))
      if (plan?.sha256 === undefined || !hosted.has(plan.sha256))
        return `${folder} does not have the plan of ${model} for ${name}`
    }
  }
  return (await statesBounds(folder, bundle))
    ? undefined
    : `${folder} does not state how far the quantized model is from its partner, as it was measured last`
}

/** Whether what a server says of a partner is what was measured last. */
export async function statesBounds(folder: string, bundle: Bundle): Promise<boolean> {
  const pair = pairOf(bundle.manifest)
  if (pair === undefined) return true
  return (await statementIn(folder, pair.name)) === statementText(pair, await readBounds(bundle))
}
