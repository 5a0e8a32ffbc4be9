import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Bundle, type HostedName, hostedNames, MODELS, modelOf } from '../../bundle/index.ts'
import { type Gpu, type GpuKind, gpuKinds, multiprocessorsOf } from '../../machine/index.ts'
import { budgetFor, budgetOf, holdingOf, profilesFor, wholeWaves } from '../engines/index.ts'
import { misfit, type PlanSidecar, planFileName, readSidecar } from '../repository/index.ts'

export interface PlanNeeds {
  readonly bundle: Bundle
  readonly gpus: readonly Gpu[]
  readonly tensorrt: string
}

/** Why the plans in a folder do not serve these GPUs; undefined when they do. Their content is not read. */
export async function problemOfPlans(folder: string, needs: PlanNeeds): Promise<string | undefined> {
  for (const model of hostedNames(needs.bundle.manifest)) {
    const found = await plansOf(folder, model, needs)
    for (const each of found) if (each.problem !== undefined) return each.problem
  }
  return undefined
}

/** A plan that GPUs need. */
export interface NeededPlan {
  /** Of the compute capability, the kind with the least memory. */
  readonly kind: GpuKind
  readonly path: string
  readonly sidecar?: PlanSidecar | undefined
  /** Why it must be built. */
  readonly problem?: string | undefined
}

/** The plans of a model that these GPUs need: one for each compute capability, all with the same profiles. */
export async function plansOf(folder: string, model: HostedName, needs: PlanNeeds): Promise<NeededPlan[]> {
  const found: NeededPlan[] = []
  for (const kind of leastOfEach(needs.gpus)) {
    const path = join(folder, model, planFileName(kind.computeCapability))
    const sidecar = await readSidecar(path).catch(() => undefined)
    const problem = await problemOf(path, sidecar, model, { ...needs, kind })
    found.push({ kind, path, ...(problem === undefined ? { sidecar } : { problem }) })
  }
  const first = found.find(({ sidecar }) => sidecar !== undefined)
  return found.map((each) =>
    each.sidecar === undefined || hasProfiles(each.sidecar, first?.sidecar?.profiles)
      ? each
      : {
          ...each,
          problem: `the plan of ${model} for ${each.kind.name} has other profiles than that for ${first?.kind.name}`,
        },
  )
}

async function problemOf(
  path: string,
  sidecar: PlanSidecar | undefined,
  model: HostedName,
  needs: PlanNeeds & { kind: GpuKind },
): Promise<string | undefined> {
  const { bundle, kind, tensorrt } = needs
  const found = await stat(path).catch(() => undefined)
  if (found === undefined || sidecar === undefined) return `there is no plan of ${model} for ${kind.name}`
  const { computeCapability } = kind
  const reason = misfit(path, sidecar, model, { bundle, computeCapability, tensorrt })
  if (reason !== undefined) return `${path} ${reason}`
  const { bytes = found.size } = sidecar.plan ?? {}
  if (found.size !== bytes) return `${path} has ${found.size} bytes instead of ${bytes}`
  const own = budgetOf(sidecar.profiles)
  if (own <= (affordableBudget(model, needs, own) ?? own)) return undefined
  return `${path} takes larger batches than the memory of ${kind.name} holds`
}

export function hasProfiles(sidecar: PlanSidecar, profiles: PlanSidecar['profiles'] | undefined): boolean {
  return JSON.stringify(sidecar.profiles) === JSON.stringify(profiles)
}

/** The profiles that plans in a home have, for a token budget. */
export function profilesOf(model: HostedName, tokenBudget: number): PlanSidecar['profiles'] {
  return profilesFor({ bounds: MODELS[modelOf(model)].profiles, tokenBudget })
}

/** The driver and TensorRT do not quite agree on how much memory a GPU has. */
const CERTAIN = 0.97

/** Padded tokens of a batch that fill these GPUs: whole waves, where they have as many multiprocessors. */
function wantedBudget(model: HostedName, gpus: readonly Gpu[]): number {
  const [multiprocessors, ...others] = new Set(gpus.map(({ name }) => multiprocessorsOf(name)))
  const { tokenBudget } = MODELS[modelOf(model)]
  return others.length > 0 ? tokenBudget : wholeWaves(tokenBudget, multiprocessors)
}

/**
 * The token budget that the smallest memory among the GPUs holds: the one wanted, halved as often as needed; undefined when
 * it does not even hold the weights.
 */
export function affordableBudget(
  model: HostedName,
  { bundle, gpus }: PlanNeeds,
  wanted = wantedBudget(model, gpus),
): number | undefined {
  const dimensions = bundle.manifest.models[modelOf(model)]
  const memory = CERTAIN * Math.min(...gpus.map(({ memoryBytes }) => memoryBytes))
  return budgetFor(dimensions, holdingOf(bundle.manifest, model), wanted, memory)
}

/** GPUs of one compute capability share a plan: the kind with the least memory of each. */
export function leastOfEach(gpus: readonly Gpu[]): GpuKind[] {
  const alike = Map.groupBy(gpuKinds(gpus), ({ computeCapability }) => computeCapability)
  return [...alike.values()].map((kinds) => kinds.reduce((a, b) => (b.memoryBytes < a.memoryBytes ? b : a)))
}
