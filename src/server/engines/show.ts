import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { HOSTED_NAMES, type HostedName } from '../../bundle/index.ts'
import { sha256Large } from '../../system/sha256.ts'
import { type Circumstances, misfit, type PlanSidecar, readSidecar } from '../repository/index.ts'

/** A plan in a folder; without a sidecar that can be read it is only a file. */
export interface FoundEngine {
  readonly path: string
  readonly bytes: number
  readonly sidecar: PlanSidecar | undefined
  /** Why it cannot be used as it is. */
  readonly problem: string | undefined
}

/** Every plan below a folder of plans, `FOLDER/MODEL/model_smXX.plan`. */
export async function findEngines(folder: string, at: Circumstances = {}): Promise<FoundEngine[]> {
  const found: FoundEngine[] = []
  for (const model of HOSTED_NAMES) {
    const names = await readdir(join(folder, model)).catch(() => [])
    for (const name of names.filter((each) => each.endsWith('.plan') && !each.startsWith('.')).sort()) {
      found.push(await examine(join(folder, model, name), model, at))
    }
  }
  return found
}

async function examine(path: string, model: HostedName, at: Circumstances): Promise<FoundEngine> {
  const { size: bytes } = await stat(path)
  const sidecar = await readSidecar(path).catch(() => undefined)
  if (sidecar === undefined) {
    return { path, bytes, sidecar, problem: 'has no description beside it that can be read: build it again' }
  }
  const expected = sidecar.plan?.bytes ?? bytes
  const problem =
    bytes === expected
      ? (misfit(path, sidecar, model, at) ?? (await damage(path, sidecar)))
      : `has ${bytes} bytes instead of ${expected}: copy or build it again`
  return { path, bytes, sidecar, problem }
}

/** Reads all of a plan: the last question, of one that has passed the others. */
export async function damage(path: string, { plan }: PlanSidecar): Promise<string | undefined> {
  if (plan?.sha256 === undefined || (await sha256Large(path)) === plan.sha256) return undefined
  return 'is not what was built (its SHA-256 differs): copy or build it again'
}
