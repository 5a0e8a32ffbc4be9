import { copyFile, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { HOSTED_NAMES } from '../../bundle/index.ts'
import { syncFolder, writeAtomically } from '../../system/atomic.ts'
import { beginFolder } from '../../system/replace-folder.ts'
import { filesAt, isThere } from '../../system/same-file.ts'
import { ReadError, WriteError } from '../../system/system-error.ts'
import { type PlanSidecar, planFileName, readSidecar, sidecarPath, TUNING_FILE } from '../repository/index.ts'
import { EngineError } from './errors.ts'
import { damage } from './show.ts'

const TIMING_CACHE = 'timing.cache'
const PLAN_OR_SIDECAR = /^model_sm\d+\.(plan|json)$/

/** Whether a file, by its path below a folder of plans, is one that builds write there. */
export function isPlanFile(name: string): boolean {
  const [model = '', file = '', ...more] = name.split('/')
  if (file === '') return model === TIMING_CACHE || model === TUNING_FILE
  return more.length === 0 && HOSTED_NAMES.some((known) => known === model) && PLAN_OR_SIDECAR.test(file)
}

/** Where a plan is built. A kill leaves nothing that the next build keeps. */
export interface PlanFiles extends AsyncDisposable {
  /** The builder writes the plan here. */
  readonly plan: string
  /** The builder's own copy of the timing cache, which it reads and replaces. */
  readonly timingCache: string
  /**
   * Gives the plan and its description their names; the old plan goes first, so that a kill never leaves it beside the
   * description of the new one.
   * @returns the path of the plan
   */
  commit(sidecar: PlanSidecar): Promise<string>
}

/**
 * @param output folder of the plans
 * @param timingCache file that the user names for it; undefined for the one in the folder of the plans
 * @throws EngineError for files that no build has written and that would be overwritten
 */
export async function beginPlan(
  output: string,
  model: string,
  timingCache: string | undefined,
): Promise<PlanFiles> {
  const folder = join(output, model)
  const cache = timingCache ?? join(output, TIMING_CACHE)
  const names = await readdir(folder).catch(() => [])
  await refuseStrangers(names.filter((name) => PLAN_OR_SIDECAR.test(name)).map((name) => join(folder, name)))
  if (timingCache === undefined && (await isThere(cache))) await refuseStrangeCache(output, cache)
  try {
    await mkdir(dirname(cache), { recursive: true })
    const unfinished = await beginFolder(join(folder, 'model.plan'))
    const own = join(unfinished, TIMING_CACHE)
    await copyFile(cache, own).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw new ReadError(cache, error)
    })
    const plan = join(unfinished, 'model.plan')
    return {
      plan,
      timingCache: own,
      commit: (sidecar) => commit(folder, plan, sidecar, { from: own, to: cache }),
      [Symbol.asyncDispose]: () => rm(unfinished, { recursive: true, force: true }).catch(() => {}),
    }
  } catch (error) {
    throw error instanceof ReadError ? error : new WriteError(folder, error)
  }
}

async function commit(
  folder: string,
  plan: string,
  sidecar: PlanSidecar,
  cache: { from: string; to: string },
): Promise<string> {
  const path = join(folder, planFileName(sidecar.computeCapability))
  // Something else may have taken the name meanwhile.
  await refuseStrangers([path])
  try {
    await rename(cache.from, cache.to).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
    await rm(path, { force: true })
    await writeAtomically(sidecarPath(path), `${JSON.stringify(sidecar, null, 2)}\n`)
    await rename(plan, path)
  } catch (error) {
    throw error instanceof WriteError ? error : new WriteError(path, error)
  }
  await syncFolder(folder)
  return path
}

/** @param paths of plans and descriptions: each stands for both */
async function refuseStrangers(paths: readonly string[]): Promise<void> {
  const plans = new Set(paths.map((path) => path.replace(/json$/, 'plan')))
  const strangers: string[] = []
  for (const plan of [...plans].sort()) {
    const sidecar = await readSidecar(plan).catch(() => undefined)
    if (sidecar === undefined && (await isThere(sidecarPath(plan)))) strangers.push(sidecarPath(plan))
    if ((await isThere(plan)) && !(await isOurs(plan, sidecar))) strangers.push(plan)
  }
  if (strangers.length > 0) throw stranger(strangers, 'or choose another output folder')
}

async function isOurs(plan: string, sidecar: PlanSidecar | undefined): Promise<boolean> {
  if (sidecar === undefined) return false
  return (await damage(plan, sidecar).catch(() => 'cannot be read')) === undefined
}

/** A timing cache has no mark of its own: it is ours where plans of ours lie beside it. */
async function refuseStrangeCache(output: string, cache: string): Promise<void> {
  for (const path of await filesAt(output)) {
    if (!path.endsWith('.json')) continue
    if ((await readSidecar(path.replace(/json$/, 'plan')).catch(() => undefined)) !== undefined) return
  }
  throw stranger([cache], 'or name another timing cache')
}

function stranger(paths: readonly string[], otherwise: string): EngineError {
  const [are, them] =
    paths.length === 1
      ? ['was not written by a build, and is', 'it']
      : ['were not written by a build, and are', 'them']
  return new EngineError(`${paths.join(', ')} ${are} not overwritten: move ${them} away, ${otherwise}`, {
    kind: 'cannotCreate',
  })
}
