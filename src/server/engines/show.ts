import { readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type Bundle, MODEL_NAMES } from '../../bundle/index.ts'
import { fileIdentity } from '../../system/regular-file.ts'
import { sha256File } from '../../system/sha256.ts'
import { type PlanSidecar, planFileName, readSidecar } from '../repository/index.ts'

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

/** Every plan below a folder of plans, `FOLDER/MODEL/model_smXX.plan`. */
export async function findEngines(folder: string, at: Circumstances = {}): Promise<FoundEngine[]> {
  const found: FoundEngine[] = []
  for (const model of MODEL_NAMES) {
    const names = await readdir(join(folder, model)).catch(() => [])
    for (const name of names.filter((each) => each.endsWith('.plan') && !each.startsWith('.')).sort()) {
      found.push(await examine(join(folder, model, name), at))
    }
  }
  return found
}

async function examine(path: string, at: Circumstances): Promise<FoundEngine> {
  const { size: bytes } = await stat(path)
  const sidecar = await readSidecar(path).catch(() => undefined)
  const problem =
    sidecar === undefined
      ? 'has no description beside it that can be read: build it again'
      : (misplaced(path, bytes, sidecar) ?? misfit(sidecar, at) ?? (await damage(path, sidecar)))
  return { path, bytes, sidecar, problem }
}

function misplaced(
  path: string,
  bytes: number,
  { computeCapability, plan }: PlanSidecar,
): string | undefined {
  const name = planFileName(computeCapability)
  if (basename(path) !== name) return `should be named ${name}`
  if (plan?.bytes === undefined || plan.bytes === bytes) return undefined
  return `has ${bytes} bytes instead of ${plan.bytes}: copy or build it again`
}

function misfit(sidecar: PlanSidecar, at: Circumstances): string | undefined {
  const { computeCapability, tensorrt, bundle } = at
  if (computeCapability !== undefined && sidecar.computeCapability !== computeCapability) {
    return `is for GPUs of compute capability ${sidecar.computeCapability}, this one has ${computeCapability}`
  }
  if (tensorrt !== undefined && sidecar.tensorrt !== tensorrt) {
    return `was built by TensorRT ${sidecar.tensorrt} and loads in no other version; this is ${tensorrt}`
  }
  if (bundle === undefined || sidecar.bundle === bundle.digest) return undefined
  const { graph, weights } = bundle.manifest.models[sidecar.model]
  const changed = (was: { sha256: string } | undefined, is: { sha256: string }) =>
    was !== undefined && was.sha256 !== is.sha256
  if (changed(sidecar.weights, weights)) return 'was built from other weights than the bundle has'
  if (changed(sidecar.graph, graph)) return 'was built from another graph than the bundle has'
  return 'was built from another bundle'
}

/** Reads all of a plan: the last question, of one that has passed the others. */
export async function damage(path: string, { plan }: PlanSidecar): Promise<string | undefined> {
  if (plan?.sha256 === undefined || (await planDigest(path)) === plan.sha256) return undefined
  return 'is not what was built (its SHA-256 differs): copy or build it again'
}

/** Plans take gigabytes: one that nobody has written to since is read once. */
const digests = new Map<string, string>()

/** SHA-256 of a plan. */
export async function planDigest(path: string): Promise<string> {
  const identity = fileIdentity(await stat(path, { bigint: true }))
  const digest = digests.get(identity) ?? (await sha256File(path))
  digests.set(identity, digest)
  return digest
}
