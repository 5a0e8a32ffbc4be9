import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Bundle, type HostedName, hostedNames, MODELS, modelOf } from '../../bundle/index.ts'
import { type Gpu, type GpuKind, gpuKinds } from '../../machine/index.ts'
import { budgetFor, profilesFor, weightBytesOf } from '../engines/index.ts'
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
  const most = affordableBudget(model, needs)
  const found: NeededPlan[] = []
  for (const kind of leastOfEach(needs.gpus)) {
    const path = join(folder, model, planFileName(kind.computeCapability))
    const sidecar = await readSidecar(path).catch(() => undefined)
    const problem = await problemOf(path, sidecar, model, { ...needs, kind, most })
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
  { bundle, kind, tensorrt, most }: PlanNeeds & { kind: GpuKind; most: number | undefined },
): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined || sidecar === undefined) return `there is no plan of ${model} for ${kind.name}`
  const { computeCapability } = kind
  const reason = misfit(path, sidecar, model, { bundle, computeCapability, tensorrt })
  if (reason !== undefined) return `${path} ${reason}`
  const { bytes = found.size } = sidecar.plan ?? {}
  if (found.size !== bytes) return `${path} has ${found.size} bytes instead of ${bytes}`
  if (most === undefined || largestBatch(sidecar.profiles) <= largestBatch(profilesOf(model, most)))
    return undefined
  return `${path} takes larger batches than the memory of ${kind.name} holds`
}

export function hasProfiles(sidecar: PlanSidecar, profiles: PlanSidecar['profiles'] | undefined): boolean {
  return JSON.stringify(sidecar.profiles) === JSON.stringify(profiles)
}

/** The profiles that plans in a home have, for a token budget. */
export function profilesOf(model: HostedName, tokenBudget: number): PlanSidecar['profiles'] {
  return profilesFor({ bounds: MODELS[modelOf(model)].profiles, tokenBudget })
}

function largestBatch(profiles: PlanSidecar['profiles']): number {
  return Math.max(...profiles.map(({ max: [rows, tokens] }) => rows * tokens))
}

/** The driver and TensorRT do not quite agree on how much memory a GPU has. */
const CERTAIN = 0.97

/** The token budget that the smallest memory among the GPUs holds; undefined when it does not even hold the weights. */
export function affordableBudget(model: HostedName, { bundle, gpus }: PlanNeeds): number | undefined {
  const dimensions = bundle.manifest.models[modelOf(model)]
  const memory = CERTAIN * Math.min(...gpus.map(({ memoryBytes }) => memoryBytes))
  return budgetFor(
    dimensions,
    weightBytesOf(bundle.manifest, model),
    MODELS[modelOf(model)].tokenBudget,
    memory,
  )
}

/** GPUs of one compute capability share a plan: the kind with the least memory of each. */
export function leastOfEach(gpus: readonly Gpu[]): GpuKind[] {
  const alike = Map.groupBy(gpuKinds(gpus), ({ computeCapability }) => computeCapability)
  return [...alike.values()].map((kinds) => kinds.reduce((a, b) => (b.memoryBytes < a.memoryBytes ? b : a)))
}
