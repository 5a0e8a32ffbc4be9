import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type HostedName, hostedModel, hostedNames } from '../../bundle/index.ts'
import { type Gpu, machineFacts } from '../../machine/index.ts'
import { bytes } from '../../text/numbers.ts'
import { type BuildEnginesOptions, budgetOf, buildEngines, holdingOf } from '../engines/index.ts'
import { isPlanFileName, misfit, readSidecar, sidecarPath } from '../repository/index.ts'
import type { RuntimeBuilder } from '../runtime/index.ts'
import { DeployError } from './errors.ts'
import { affordableBudget, hasProfiles, type PlanNeeds, plansOf, profilesOf } from './plan-fit.ts'

type How = Partial<RuntimeBuilder> &
  Pick<BuildEnginesOptions, 'onProgress'> & { signal?: AbortSignal | undefined }

/** A plan to build. */
interface Job {
  readonly model: HostedName
  readonly tokenBudget: number
  readonly gpu: Gpu
}

/**
 * Builds the missing plans of a folder, at the same time on different GPUs.
 *
 * @throws DeployError when a GPU does not hold a model; those of `buildEngines`
 */
export async function buildPlans(folder: string, needs: PlanNeeds, how: How): Promise<void> {
  const jobs: Job[] = []
  for (const [i, model] of hostedNames(needs.bundle.manifest).entries()) {
    const tokenBudget = await commonBudget(folder, model, needs)
    for (const { kind, path, problem } of await plansOf(folder, model, needs)) {
      if (problem === undefined) continue
      // The files are of another build or damaged, which a build refuses to replace.
      await removePlan(path)
      const { gpus } = kind
      jobs.push({ model, tokenBudget, gpu: gpus[i % gpus.length]! })
    }
  }
  const queues = [...Map.groupBy(jobs, ({ gpu }) => gpu.uuid).values()]
  const failed = new AbortController()
  const signal = AbortSignal.any([failed.signal, ...(how.signal === undefined ? [] : [how.signal])])
  const build = async () => {
    for (let queue = queues.shift(); queue !== undefined; queue = queues.shift())
      for (const { model, tokenBudget, gpu } of queue)
        await buildEngines({
          ...how,
          bundle: needs.bundle.folder,
          output: folder,
          models: [model],
          // Ours also where no plan is left beside it.
          timingCache: join(folder, 'timing.cache'),
          tokenBudget,
          environment: seeing(gpu, how),
          signal,
        })
  }
  const lanes = Array.from({ length: await lanesFor(needs) }, () =>
    build().catch((error: unknown) => failed.abort(error)),
  )
  await Promise.all(lanes)
  signal.throwIfAborted()
}

/** A builder holds the weights several times. */
const COPIES = 4

/** How many plans may be built at the same time: as many as the memory of the machine holds. */
async function lanesFor({ bundle, gpus }: PlanNeeds): Promise<number> {
  const { memoryBytes } = await machineFacts()
  const { manifest } = bundle
  const largest = Math.max(...hostedNames(manifest).map((name) => hostedModel(manifest, name).weights.bytes))
  return Math.max(1, Math.min(gpus.length, Math.floor(memoryBytes / (COPIES * largest))))
}

/** Variables that show a program one GPU and hide all others. */
export function seeing(
  { uuid }: Gpu,
  { environment }: Pick<RuntimeBuilder, 'environment'> = {},
): Record<string, string> {
  return { ...environment, CUDA_VISIBLE_DEVICES: uuid }
}

/**
 * The token budget of all plans of a model in a folder: a repository serves one set of profiles, also to machines with
 * other GPUs that share the home. Plans with larger batches than a GPU here holds are removed, and built again where they
 * are needed.
 *
 * @throws DeployError when a GPU does not hold the model
 */
async function commonBudget(folder: string, model: HostedName, needs: PlanNeeds): Promise<number> {
  const affordable = affordableBudget(model, needs)
  if (affordable === undefined) {
    const least = needs.gpus.reduce((a, b) => (b.memoryBytes < a.memoryBytes ? b : a))
    throw new DeployError(
      `the memory of ${least.name}, ${bytes(least.memoryBytes)}, does not hold ${model}, ` +
        `whose weights take ${bytes(holdingOf(needs.bundle.manifest, model).weightBytes)}: use a larger GPU or a smaller model`,
    )
  }
  const names = await readdir(join(folder, model)).catch(() => [])
  const paths = names.filter(isPlanFileName).map((name) => join(folder, model, name))
  const known = new Map<string, number | undefined>()
  for (const path of paths) {
    const sidecar = await readSidecar(path).catch(() => undefined)
    if (sidecar === undefined) continue
    const fits =
      misfit(path, sidecar, model, { bundle: needs.bundle, tensorrt: needs.tensorrt }) === undefined
    const own = budgetOf(sidecar.profiles)
    known.set(path, fits && hasProfiles(sidecar, profilesOf(model, own)) ? own : undefined)
  }
  const held = [...known.values()].flatMap((own) =>
    own === undefined ? [] : (affordableBudget(model, needs, own) ?? []),
  )
  const budget = held.length === 0 ? affordable : Math.min(...held)
  for (const [path, own] of known) if (own !== budget) await removePlan(path)
  return budget
}

/** With its description, by which it is known to be a plan of this program. */
async function removePlan(path: string): Promise<void> {
  if ((await readSidecar(path).catch(() => undefined)) === undefined) return
  await rm(path, { force: true })
  await rm(sidecarPath(path), { force: true })
}
