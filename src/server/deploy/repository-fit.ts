import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MODEL_NAMES } from '../../bundle/index.ts'
import type { Gpu } from '../../machine/index.ts'
import { planFileName, type RepositoryBackend, readRecord, readSidecar } from '../repository/index.ts'
import { leastOfEach } from './plan-fit.ts'

/** Why a repository does not host the plans in a folder for these GPUs; undefined when it does. Files are not read. */
export async function problemOfRepository(
  folder: string,
  { plans, gpus, backend }: { plans: string; gpus: readonly Gpu[]; backend: RepositoryBackend },
): Promise<string | undefined> {
  const record = await readRecord(folder).catch(() => undefined)
  if (record === undefined) return 'there is no model repository for these plans'
  if (record.backend !== backend) return `${folder} is for the backend ${record.backend}`
  for (const { path, bytes } of record.files) {
    const found = await stat(join(folder, path)).catch(() => undefined)
    if (found?.size !== bytes) return `${join(folder, path)} is not what was put there`
  }
  const hosted = new Set(record.files.map(({ sha256 }) => sha256))
  for (const model of MODEL_NAMES) {
    for (const { computeCapability, name } of leastOfEach(gpus)) {
      const { plan } = await readSidecar(join(plans, model, planFileName(computeCapability)))
      if (plan?.sha256 === undefined || !hosted.has(plan.sha256))
        return `${folder} does not have the plan of ${model} for ${name}`
    }
  }
  return undefined
}
