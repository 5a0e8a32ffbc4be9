import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import * as v from 'valibot'
import type { Bundle } from '../../bundle/index.ts'
import { parseJson } from '../../system/json.ts'
import { sha256File } from '../../system/sha256.ts'
import { PlanSidecar, planFileName } from '../repository/index.ts'

const MODELS = ['esm2', 'dnabert_s'] as const

/** A plan in a folder; without a sidecar that can be read it is only a file. */
export interface FoundEngine {
  readonly path: string
  readonly bytes: number
  readonly sidecar: PlanSidecar | undefined
  /** Why it cannot be used as it is. */
  readonly problem: string | undefined
}

/** What a plan has to fit. Whatever is left out is not compared. */
export interface Circumstances {
  readonly bundle?: Bundle | undefined
  readonly computeCapability?: string | undefined
  readonly tensorrt?: string | undefined
}

/** Why a plan does not fit; undefined when it does. */
export function planProblem(sidecar: PlanSidecar, at: Circumstances): string | undefined {
  const { computeCapability, tensorrt, bundle } = at
  if (computeCapability !== undefined && sidecar.computeCapability !== computeCapability) {
    return `is for GPUs of compute capability ${sidecar.computeCapability}, this one has ${computeCapability}`
  }
  if (tensorrt !== undefined && sidecar.tensorrt !== tensorrt) {
    return `was built by TensorRT ${sidecar.tensorrt} and loads in no other version; this is ${tensorrt}`
  }
  if (bundle === undefined || sidecar.bundle === bundle.digest) return undefined
  const [graph, weights] = [digestIn(sidecar, 'graph'), digestIn(sidecar, 'weights')]
  const now = bundle.manifest.models[sidecar.model]
  if (weights !== undefined && weights !== now.weights.sha256)
    return 'was built from other weights than the bundle has'
  if (graph !== undefined && graph !== now.graph.sha256)
    return 'was built from another graph than the bundle has'
  return 'was built from another bundle'
}

/** Every plan below a folder of plans, `FOLDER/MODEL/model_smXX.plan`. */
export async function findEngines(folder: string, at: Circumstances = {}): Promise<FoundEngine[]> {
  const found: FoundEngine[] = []
  for (const model of MODELS) {
    const names = await readdir(join(folder, model)).catch(() => [])
    for (const name of names.filter((each) => each.endsWith('.plan') && !each.startsWith('.')).sort()) {
      found.push(await examine(join(folder, model, name), at))
    }
  }
  return found
}

async function examine(path: string, at: Circumstances): Promise<FoundEngine> {
  const { size: bytes } = await stat(path)
  const sidecar = await readSidecar(path)
  if (sidecar === undefined) {
    return { path, bytes, sidecar, problem: 'has no description beside it that can be read: build it again' }
  }
  const problem = misplaced(path, bytes, sidecar) ?? planProblem(sidecar, at) ?? (await damage(path, sidecar))
  return { path, bytes, sidecar, problem }
}

function misplaced(path: string, bytes: number, sidecar: PlanSidecar): string | undefined {
  const name = planFileName(sidecar.computeCapability)
  if (basename(path) !== name) return `should be named ${name}`
  const expected = sidecar.plan?.bytes
  if (expected !== undefined && expected !== bytes) {
    return `has ${bytes} bytes instead of ${expected}: copy or build it again`
  }
  return undefined
}

/** Reads all of a plan: the last question, of one that has passed the others. */
export async function damage(path: string, { plan }: PlanSidecar): Promise<string | undefined> {
  if (plan?.sha256 === undefined || (await sha256File(path)) === plan.sha256) return undefined
  return 'is not what was built (its SHA-256 differs): copy or build it again'
}

/** Name of the description beside a plan. */
export function sidecarOf(plan: string): string {
  return plan.replace(/plan$/, 'json')
}

/** The description beside a plan; undefined where there is none that can be read. */
export async function readSidecar(plan: string): Promise<PlanSidecar | undefined> {
  try {
    const result = v.safeParse(PlanSidecar, parseJson(await readFile(sidecarOf(plan), 'utf8')))
    return result.success ? result.output : undefined
  } catch {
    return undefined
  }
}

function digestIn(sidecar: PlanSidecar, part: string): string | undefined {
  const value = (sidecar as Record<string, unknown>)[part]
  const digest = (value as { sha256?: unknown } | undefined)?.sha256
  return typeof digest === 'string' ? digest : undefined
}
