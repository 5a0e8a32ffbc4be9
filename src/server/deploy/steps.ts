import { rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { hostedNames, precisionFacts } from '../../bundle/index.ts'
import { changeHome, isHomeReadOnly, type Place, writablePlace } from '../../home/index.ts'
import { gpuKinds, machineFacts } from '../../machine/index.ts'
import { isThere as isOnDisk } from '../../system/same-file.ts'
import { plural } from '../../text/numbers.ts'
import { tuneEngines } from '../engines/index.ts'
import { buildRepository, planFileName, readSidecar, readTuning } from '../repository/index.ts'
import { findRuntime, installRuntime } from '../runtime/index.ts'
import { buildPlans, seeing } from './build-plans.ts'
import { DeployError } from './errors.ts'
import { type DeployEstimate, type Expense, estimateDeployment } from './estimates.ts'
import { isThere, isWanted, look, type State } from './find.ts'
import { leastOfEach, type PlanNeeds } from './plan-fit.ts'
import { type DeployRequest, gpuLacking, type Part, say, wantedOf } from './request.ts'

/** One step to a deployment. */
export interface DeployStep {
  /** `batches` are tuned after the plans are built; without that, a server takes those of the bundle. */
  readonly name: Part | 'batches'
  readonly title: string
  /** Estimated time and disk space while the step is not done. */
  readonly expense: Expense
  isDone(): Promise<boolean>
  /** @throws the errors of what makes the part */
  work(): Promise<void>
}

const NOTHING: Expense = { seconds: 0, bytes: 0 }

/** The steps, and the request as they have changed it: a server that was installed again may have another name. */
export interface DeployPlan {
  readonly steps: readonly DeployStep[]
  readonly request: DeployRequest
}

export async function planDeployment(given: DeployRequest): Promise<DeployPlan> {
  const wanted = wantedOf(given)
  const { cores } = await machineFacts()
  const { precision, calibrate, recheck } = wanted.settings
  const plans = leastOfEach(given.gpus).length
  const about: DeployEstimate = estimateDeployment(given.base.manifest.models, given.gpus, {
    precision,
    isCalibrated: calibrate !== 'none',
    isPartnered: recheck === true,
    cores,
  })
  let request = given
  const step = (name: Part, title: string, expense: Expense, work: (state: State) => Promise<void>) => ({
    name,
    title,
    expense,
    isDone: async () => isThere(await look(request), name),
    work: async () => await work(await look(request)),
  })
  const steps: DeployStep[] = [
    step('server', 'the server', NOTHING, async (state) => {
      request = await restoreServer(request, state)
    }),
    step('models', `the models in ${wanted.form}`, about.models, (state) => deriveBundle(request, state)),
    step('plans', `TensorRT plans for ${plural(plans, 'kind')} of GPU`, about.plans, (state) =>
      plansIn(request, state),
    ),
    {
      name: 'batches',
      title: 'the size of batches that suits each kind of GPU',
      expense: about.batches,
      isDone: async () => await areTuned(request, await look(request)),
      work: async () => await tune(request, await look(request)),
    },
    step('repository', 'the model repository', about.repository, (state) => layOut(request, state)),
  ]
  return {
    steps,
    get request() {
      return request
    },
  }
}

/** @throws DeployError where a part is missing that an earlier step makes */
function needsOf({ gpus }: DeployRequest, { bundle, tensorrt, why }: State): PlanNeeds {
  if (bundle === undefined || tensorrt === undefined) throw new DeployError(why ?? 'the models are missing')
  return { bundle, gpus, tensorrt }
}

/** Folder in which a part is made. */
async function placeOf(place: Place, { wanted: { id, form } }: State, ...more: string[]): Promise<string> {
  return join(await writablePlace(place), id, form, ...more)
}

/** A private environment can be installed again; programs and containers belong to the user. */
async function restoreServer(request: DeployRequest, { wanted, why }: State): Promise<DeployRequest> {
  const gone = () =>
    new DeployError(`the server that was set up cannot be used: ${why}`, {
      detail: { code: 'gpus-not-set-up', data: {} },
    })
  if (wanted.settings.server.kind !== 'private') throw gone()
  const { gpus, signal } = request
  const products = wanted.settings.precision === 'fp8'
  const found = await findRuntime({ server: 'private', products, gpus, signal })
  if ('none' in found) throw gone()
  const onProgress = say(request)
  const { choice } =
    'found' in found ? found.found : await installRuntime(found.install, { onProgress, signal })
  const settings = { ...wanted.settings, server: choice }
  if (!(await isHomeReadOnly()))
    await changeHome((record) =>
      record.gpu ? { ...record, gpu: { ...record.gpu, server: choice } } : record,
    )
  return { ...request, home: { ...request.home, gpu: settings } }
}

/** The same models in a precision for GPUs, from the same weight files. */
async function deriveBundle(request: DeployRequest, state: State): Promise<void> {
  const { base, home, gpus, signal } = request
  const { precision, attention, calibrate, recheck } = state.wanted.settings
  const { computeCapability: first = 0, label } = precisionFacts(precision)
  const tooOld = gpuLacking(precision, gpus)
  if (tooOld !== undefined)
    throw new DeployError(
      `${label} needs GPUs of compute capability ${first.toFixed(1)} or higher; ${tooOld.name} has ${tooOld.computeCapability}`,
      { detail: { code: 'gpu-lacks-precision', data: {} } },
    )
  const sources = home.imports?.[basename(base.folder)] ?? home.sources
  if (sources === undefined)
    throw new DeployError(`where the weights of ${base.folder} come from is not known`, {
      detail: { code: 'no-sources', data: {} },
    })
  for (const path of Object.values(sources)) {
    if (await isOnDisk(path)) continue
    throw new DeployError(
      `the weights that ${base.folder} was made from are needed, and ${path} is not there`,
      {
        detail: { code: 'no-sources', data: {} },
      },
    )
  }
  const { importModels } = await import('../../import/index.ts')
  const output = await placeOf('derived', state)
  const bundle = await importModels({
    ...sources,
    mlp: base,
    output,
    name: `${base.manifest.name}-${state.wanted.form}`,
    attention,
    force: true,
    precision,
    recheck: recheck === true ? 'on' : 'off',
    ...(calibrate !== undefined && { calibrate: calibrate === 'none' ? false : calibrate }),
    onProgress: say(request),
    ...(signal && { signal }),
  } as Parameters<typeof importModels>[0])
  if (isWanted(bundle, base, state.wanted)) return
  await rm(output, { recursive: true, force: true })
  throw new DeployError(
    `the weight files ${Object.values(sources).join(' and ')} are not those that ${base.folder} was made from`,
    { detail: { code: 'no-sources', data: {} } },
  )
}

async function plansIn(request: DeployRequest, state: State): Promise<void> {
  const needs = needsOf(request, state)
  const folder = await placeOf('plans', state, needs.tensorrt)
  await buildPlans(folder, needs, {
    ...state.runtime?.builder,
    onProgress: say(request),
    signal: request.signal,
  })
}

/** Whether these very plans were timed. trtexec times nothing for us: plans that it builds have the batches of the bundle. */
async function areTuned({ gpus }: DeployRequest, { runtime, bundle, plans }: State): Promise<boolean> {
  if (bundle === undefined || plans === undefined) return false
  if (runtime?.builder.builder === 'trtexec') return true
  const entries = (await readTuning(plans).catch(() => undefined))?.entries ?? []
  for (const model of hostedNames(bundle.manifest)) {
    for (const { name, computeCapability } of gpuKinds(gpus)) {
      const { plan } = await readSidecar(join(plans, model, planFileName(computeCapability)))
      const isTuned = entries.some(
        (entry) =>
          entry.model === model && entry.gpu === name && (entry.plan === plan?.sha256 || plan === undefined),
      )
      if (!isTuned) return false
    }
  }
  return true
}

async function tune(request: DeployRequest, { runtime, plans, why }: State): Promise<void> {
  if (plans === undefined) throw new DeployError(why ?? 'the plans are missing')
  const { signal } = request
  for (const kind of gpuKinds(request.gpus)) {
    await tuneEngines({
      ...runtime?.builder,
      plans,
      environment: seeing(kind.gpus[0]!, runtime?.builder),
      onProgress: say(request),
      ...(signal && { signal }),
    })
  }
}

async function layOut(request: DeployRequest, state: State): Promise<void> {
  const { bundle, plans, tensorrt, runtime, why } = state
  if (bundle === undefined || plans === undefined || runtime === undefined)
    throw new DeployError(why ?? 'the plans are missing')
  const output = await placeOf('repositories', state, tensorrt!)
  await buildRepository({
    bundle: bundle.folder,
    backend: runtime.repositoryBackend,
    output,
    plans,
    force: true,
  })
  say(request)(`wrote ${output}`)
}
