import { computesOnCpu } from '../bundle/index.ts'
import { requireCpuPrecision } from '../dispatch/index.ts'
import { quickEstimate } from '../estimate/index.ts'
import { lackOfGpus, pickGpus, surveyGpus } from '../machine/index.ts'
import { HomeGpus } from '../server/deploy/index.ts'
import { findGpus, findServer, requireRepository, requireServer } from '../server/serve/index.ts'
import type { Detail } from '../system/error-codes.ts'
import { UsageError } from '../system/errors.ts'
import { requireProcessGroups } from '../system/platform.ts'
import { metricsPages, namedServers, runningServers } from './running-servers.ts'
import type { Here, Launch, Started, Way, WayOptions, WayRequest } from './way.ts'

/**
 * The first of these that is there: what the options name; servers of this user with the same models; a server of its own
 * for the run, with a repository that is named or what set-up has made; this process.
 *
 * @throws UsageError when the options ask for what is not there; UnavailableError when GPUs are there and not set up
 */
export async function chooseWay(request: WayRequest): Promise<Way> {
  const { backend, triton, repository } = request.options
  metricsPages(request.options)
  if (backend === 'onnx') return here(request, 'this process was asked for')
  if (triton.length > 0) return namedServers(request)
  if (backend === 'triton' && repository !== undefined) return await serverOf(repository, request)
  const home = request.isOfHome ? await gpusOf(request) : undefined
  return (
    (await runningServers(request, await home?.bundle())) ??
    (await namedRepository(request)) ??
    (await serverOfHome(request, home)) ??
    (await thisProcess(request, home))
  )
}

/** Whoever names a repository asks for a server. */
async function namedRepository(request: WayRequest): Promise<Way | undefined> {
  const { repository, gpus } = request.options
  if (repository === undefined) return undefined
  const way = await serverOf(repository, request)
  // A GPU that was asked for and is not there was found out by now.
  if (gpus === undefined && (await findGpus()).length === 0)
    throw new UsageError('a model repository is named for a server, and this machine has no GPU for it', {
      detail: { code: 'no-gpu', data: {} },
    })
  return way
}

async function gpusOf({ options, bundle: base, logger, signal }: WayRequest): Promise<HomeGpus> {
  return await HomeGpus.look({ base, numbers: options.gpus, logger, signal })
}

/** @throws UnavailableError when there are GPUs, and nothing is set up for them */
async function serverOfHome(
  { options, bundle, signal }: WayRequest,
  home: HomeGpus | undefined,
): Promise<Started | undefined> {
  if (home === undefined || home.gpus.length === 0) return undefined
  if (home.areSetUp) {
    const { launch, models, why } = await home.server()
    return { kind: 'started', launch: { ...launch, ...givenLaunch(options) }, models, why }
  }
  if (options.fallbackToCpu) return undefined
  const { inputs, expectedLength, minLength, maxAmbiguous, threads } = options
  const here = computesOnCpu(bundle.manifest.precision)
    ? await quickEstimate(inputs, { expectedLength, minLength, maxAmbiguous, bundle, threads, signal })
    : undefined
  throw await home.notSetUp(here === undefined ? undefined : (here.cpuSeconds ?? null))
}

/** @throws UsageError VirnucproError when something of it is missing */
async function serverOf(repository: string, { options }: WayRequest): Promise<Started> {
  requireProcessGroups('a server cannot be started')
  await requireRepository(repository)
  requireServer(options.serverBin)
  const gpus = await serverGpus(options)
  const launch = { repository, ...givenLaunch(options), ...(gpus !== undefined && { gpus }) }
  return { kind: 'started', launch, why: 'its model repository is named' }
}

/** What the options say of how a server is started. */
function givenLaunch({ serverBin, backendDirectory, libraryPath }: WayOptions): Partial<Launch> {
  return {
    ...(serverBin !== undefined && { serverBin }),
    ...(backendDirectory !== undefined && { backendDirectory }),
    ...(libraryPath !== undefined && { libraryPath }),
  }
}

/** UUIDs of the GPUs for the server; undefined for all. */
async function serverGpus({ gpus }: WayOptions): Promise<string[] | undefined> {
  if (gpus === undefined) return undefined
  return pickGpus(await findGpus(), gpus)
}

/** Says once why. @throws UsageError when a server or a GPU is asked for */
async function thisProcess(request: WayRequest, home: HomeGpus | undefined): Promise<Way> {
  const { options, bundle, logger } = request
  const { serverBin } = options
  if (options.backend === 'triton') {
    throw new UsageError(
      'no server is named for the backend triton, and no model repository to start one with',
      { detail: { code: 'no-server-named', data: {} } },
    )
  }
  if (serverBin !== undefined) requireServer(serverBin)
  const lack: Lack = home?.lack ?? (await whyNoServer(serverBin))
  const { text, detail, isUnexpected } = lack
  if (!computesOnCpu(bundle.manifest.precision)) logger.warn(`no server can be started: ${text}`, detail)
  else if (isUnexpected) logger.warn(`computing in this process: ${text}`)
  else logger.info(`computing in this process: ${text}`, detail)
  return here(request, text)
}

/** @throws UsageError when the CPU cannot compute the bundle, or a GPU was asked for */
function here({ options, bundle, logger }: WayRequest, why: string): Here {
  const { gpus, fallbackToCpu } = options
  requireCpuPrecision(bundle)
  if (gpus !== undefined) {
    // Whoever asks for a GPU does not want to wait for a processor, unless the configuration says so.
    const problem = `GPU ${gpus.join(', ')} was asked for, and none will be used: ${why}`
    if (!fallbackToCpu) throw new UsageError(problem, { detail: { code: 'gpu-not-used', data: {} } })
    logger.warn(problem)
  }
  return { kind: 'here', why }
}

interface Lack {
  readonly text: string
  readonly detail?: Detail
  readonly isUnexpected?: boolean
}

/** Why no server is started with models that are not of the home. */
async function whyNoServer(serverBin: string | undefined): Promise<Lack> {
  if ((await findGpus()).length === 0)
    return { text: `no inference server was named or started, and ${lackOfGpus(await surveyGpus())}` }
  if (serverBin === undefined && findServer() === undefined) {
    return {
      text: 'this machine has a GPU but no Triton server',
      detail: { code: 'no-server-program', data: {} },
    }
  }
  return {
    text: 'the GPU is not used, since no model repository is named for a server',
    detail: { code: 'repository-not-named', data: {} },
  }
}
