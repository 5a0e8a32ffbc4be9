import { join } from 'node:path'
import { type Bundle, hasPartner, MODEL_NAMES, openBundle, sourceDigest } from '../../bundle/index.ts'
import { type Place, readablePlaces } from '../../home/index.ts'
import { VirnucproError } from '../../system/errors.ts'
import { openRuntime, type Runtime } from '../runtime/index.ts'
import { problemOfPlans } from './plan-fit.ts'
import { problemOfRepository } from './repository-fit.ts'
import { type Deployment, type DeployRequest, PARTS, type Part, type Wanted, wantedOf } from './request.ts'

/** The existing parts of a deployment. A part is looked for only when the parts that it is made from exist. */
export interface State {
  readonly wanted: Wanted
  readonly runtime?: Runtime
  /** Version of the server's TensorRT. */
  readonly tensorrt?: string
  readonly bundle?: Bundle
  /** Folder of the plans. */
  readonly plans?: string
  readonly repository?: string
  /** Why the first missing part is missing. */
  readonly why?: string
}

/**
 * The parts that exist for a bundle on these GPUs. Reads no large file.
 *
 * @throws DeployError when nothing is set up for GPUs
 */
export async function findDeployment(
  request: DeployRequest,
): Promise<{ ready: Deployment } | { missing: readonly Part[]; why: string }> {
  const state = await look(request)
  const ready = readyOf(state)
  if (ready !== undefined) return { ready }
  const missing = PARTS.filter((part) => !isThere(state, part))
  return { missing, why: state.why ?? 'something is missing' }
}

export function isThere(state: State, part: Part): boolean {
  const found = {
    server: state.tensorrt,
    models: state.bundle,
    plans: state.plans,
    repository: state.repository,
  }
  return found[part] !== undefined
}

export function readyOf({ wanted, runtime, bundle, repository }: State): Deployment | undefined {
  if (runtime === undefined || bundle === undefined || repository === undefined) return undefined
  const { precision, attention } = wanted.settings
  return { bundle: bundle.folder, repository, runtime, precision, attention }
}

export async function look(request: DeployRequest): Promise<State> {
  const { base, gpus } = request
  const wanted = wantedOf(request)
  const server = await openServer(wanted, request)
  const bundle = await findBundle(base, wanted)
  const state: State = { wanted, ...server, ...(bundle && { bundle }) }
  if ('why' in server) return state
  if (bundle === undefined) return { ...state, why: `the models are not there in ${wanted.form}` }
  const names = [wanted.id, wanted.form, server.tensorrt]
  const plans = await firstFit(candidates('plans', names), (folder) =>
    problemOfPlans(folder, { bundle, gpus, tensorrt: server.tensorrt }),
  )
  if ('why' in plans) return { ...state, why: plans.why }
  const repository = await firstFit(candidates('repositories', names), (folder) =>
    problemOfRepository(folder, {
      bundle,
      plans: plans.folder,
      gpus,
      backend: server.runtime.repositoryBackend,
    }),
  )
  if ('why' in repository) return { ...state, plans: plans.folder, why: repository.why }
  return { ...state, plans: plans.folder, repository: repository.folder }
}

async function openServer(
  { settings }: Wanted,
  { gpus, signal }: DeployRequest,
): Promise<{ runtime: Runtime; tensorrt: string } | { why: string }> {
  try {
    const runtime = await openRuntime(settings.server, { gpus, signal })
    return { runtime, tensorrt: await runtime.tensorrt(signal) }
  } catch (error) {
    signal?.throwIfAborted()
    if (!(error instanceof VirnucproError)) throw error
    return { why: error.message }
  }
}

/** The bundle itself if it is one for these GPUs, else the one made for them from the same weight files. */
async function findBundle(base: Bundle, wanted: Wanted): Promise<Bundle | undefined> {
  if (isWanted(base, base, wanted)) return base
  for (const folder of candidates('derived', [wanted.id, wanted.form])) {
    const bundle = await openBundle(folder).catch((error: unknown) => {
      if (error instanceof VirnucproError) return undefined
      throw error
    })
    if (bundle !== undefined && isWanted(bundle, base, wanted)) return bundle
  }
  return undefined
}

/** Whether a bundle has the wanted precision and was made from the weight files of another. */
export function isWanted({ manifest }: Bundle, base: Bundle, { settings }: Wanted): boolean {
  if (manifest.precision !== settings.precision) return false
  if ((manifest.attention ?? 'standard') !== settings.attention) return false
  if (settings.recheck === true && !hasPartner(manifest)) return false
  const { models } = base.manifest
  return MODEL_NAMES.every((name) => sourceDigest(manifest.models[name]) === sourceDigest(models[name]))
}

/** Possible folders of a part: in the home and, for a read-only home, in the user's own cache folder. */
function candidates(place: Place, names: readonly string[]): string[] {
  return readablePlaces(place).map((folder) => join(folder, ...names))
}

/** The first folder without a problem, or the problem of the first. */
async function firstFit(
  folders: readonly string[],
  problemOf: (folder: string) => Promise<string | undefined>,
): Promise<{ folder: string } | { why: string }> {
  const problems: string[] = []
  for (const folder of folders) {
    const problem = await problemOf(folder)
    if (problem === undefined) return { folder }
    problems.push(problem)
  }
  return { why: problems[0]! }
}
