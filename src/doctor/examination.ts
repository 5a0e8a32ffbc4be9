import { type Bundle, openBundle } from '../bundle/index.ts'
import { type Environment, findBundle, type HomeRecord, readHome } from '../home/index.ts'
import { type Gpu, type GpuSurvey, type MachineFacts, machineFacts, surveyGpus } from '../machine/index.ts'
import { isSupported } from '../server/deploy/index.ts'
import type { Runtime } from '../server/runtime/index.ts'
import { type Configuration, resolveConfiguration } from '../settings/index.ts'
import { UsageError } from '../system/errors.ts'

/** What checks look at. Facts that several checks need are found out once, when the first one asks. */
export interface Examination {
  readonly environment: Environment
  /** Current folder. */
  readonly cwd: string
  /** Version of the Bun that runs this program. */
  readonly bunVersion: string
  /** Folder of shared memory. */
  readonly sharedMemory: string
  readonly signal: AbortSignal
  survey(): Promise<GpuSurvey>
  /** GPUs that may be used and that TensorRT supports. */
  gpus(): Promise<Gpu[]>
  facts(): Promise<MachineFacts>
  /** @throws HomeError */
  home(): Promise<HomeRecord>
  /** @throws UsageError for anything wrong in the environment or the configuration file */
  configuration(): Promise<Configuration>
  /** The default bundle; undefined when nothing is set up. @throws BundleError, HomeError */
  bundle(): Promise<Bundle | undefined>
  /** The server that was set up for GPUs; undefined without one. @throws RuntimeError when it is gone */
  runtime(): Promise<Runtime | undefined>
}

export interface DoctorOptions {
  /** @default that of this process */
  readonly environment?: Environment
  /** @default the current folder */
  readonly cwd?: string
  /** Configuration file. @default as for any command */
  readonly configFile?: string | undefined
  /** Checks that take longer are given up. @default 35,000 */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal | undefined
}

/** @param signal aborted when nobody waits any more */
export function examine(options: DoctorOptions, signal: AbortSignal): Examination {
  const { environment = process.env, cwd = process.cwd(), configFile } = options
  const survey = once(() => surveyGpus(signal))
  const home = once(() => readHome(environment))
  const configuration = once(() => configurationOf(environment, cwd, configFile))
  return {
    environment,
    cwd,
    bunVersion: Bun.version,
    sharedMemory: '/dev/shm',
    signal,
    survey,
    gpus: async () => (await survey()).gpus.filter(isSupported),
    facts: once(machineFacts),
    home,
    configuration,
    bundle: once(async () => {
      // What is wrong with the configuration is said elsewhere.
      const named = await configuration().then(
        ({ effective }) => effective.values.bundle,
        () => undefined,
      )
      const found = await findBundle(named, environment).catch(unlessNothingIsSetUp)
      return found && (await openBundle(found.folder, signal))
    }),
    runtime: once(async () => {
      // What is wrong with the home is a finding of its own.
      const record = await home().catch(() => undefined)
      if (record?.gpu === undefined) return undefined
      const { openRuntime } = await import('../server/runtime/index.ts')
      return await openRuntime(record.gpu.server, { signal })
    }),
  }
}

async function configurationOf(
  environment: Environment,
  cwd: string,
  file: string | undefined,
): Promise<Configuration> {
  const origin = { kind: 'flag', name: '--config' } as const
  const given = new Map(file === undefined ? [] : [['config', { value: file, origin }]])
  return await resolveConfiguration({ given, environment, cwd, forRun: true })
}

function unlessNothingIsSetUp(error: unknown): undefined {
  if (error instanceof UsageError && error.detail?.code === 'bundle-not-named') return undefined
  throw error
}

function once<Result>(find: () => Promise<Result>): () => Promise<Result> {
  let found: Promise<Result> | undefined
  return () => {
    found ??= find()
    return found
  }
}
