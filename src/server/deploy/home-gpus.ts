import { type Bundle, openBundle } from '../../bundle/index.ts'
import { type HomeRecord, readHome } from '../../home/index.ts'
import { type Gpu, type GpuSurvey, gpuNames, lackOfGpus, pickGpus, surveyGpus } from '../../machine/index.ts'
import { UnavailableError } from '../../system/errors.ts'
import type { Logger } from '../../system/logger.ts'
import type { RuntimeLaunch } from '../runtime/index.ts'
import { findDeployment } from './find.ts'
import { type Deployment, type DeployRequest, isSupported } from './request.ts'

export interface HomeGpusOptions {
  /** A bundle of the home. */
  readonly base: Bundle
  /** Numbers of GPUs. @default all that TensorRT supports */
  readonly numbers?: readonly number[] | undefined
  readonly logger: Logger
  readonly signal?: AbortSignal | undefined
}

/** The options that start a server on the GPUs of this machine. */
export interface HomeServer {
  readonly launch: RuntimeLaunch & {
    readonly repository: string
    readonly gpus: readonly string[] | undefined
  }
  /** The bundle whose models it hosts. */
  readonly models: Bundle
  /** Why this server is used, in words. */
  readonly why: string
}

/** The GPUs of this machine, and their deployment in the home. */
export class HomeGpus {
  readonly gpus: readonly Gpu[]
  readonly #options: HomeGpusOptions
  readonly #survey: GpuSurvey
  readonly #home: HomeRecord
  #found: ReturnType<typeof findDeployment> | undefined

  private constructor(options: HomeGpusOptions, survey: GpuSurvey, home: HomeRecord) {
    const { numbers } = options
    this.#options = options
    this.#survey = survey
    this.#home = home
    this.gpus = survey.gpus.filter((gpu, number) => numbers?.includes(number) ?? isSupported(gpu))
  }

  /** Examines the machine without starting anything. @throws UsageError for a GPU that the machine does not have */
  static async look(options: HomeGpusOptions): Promise<HomeGpus> {
    const survey = await surveyGpus(options.signal)
    // A machine without any GPU gets a better message from `lack`.
    if (survey.gpus.length > 0) pickGpus(survey.gpus, options.numbers ?? [])
    return new HomeGpus(options, survey, await readHome())
  }

  get areSetUp(): boolean {
    return this.#home.gpu !== undefined
  }

  /** Why no GPU computes, and whether that deserves a warning because a GPU exists or is expected. */
  get lack(): { readonly text: string; readonly isUnexpected: boolean } {
    const { gpus, problem } = this.#survey
    if (this.gpus.length > 0) return { text: 'the GPUs of this machine are not set up', isUnexpected: true }
    const isUnsupported = gpus.length > 0
    return {
      text: isUnsupported ? 'TensorRT does not support the GPUs of this machine' : lackOfGpus(this.#survey),
      isUnexpected: this.areSetUp || problem !== undefined,
    }
  }

  /** The bundle whose models compute on the GPUs, if the deployment is complete. Reads no large file. */
  async bundle(): Promise<Bundle | undefined> {
    if (!this.areSetUp || this.gpus.length === 0) return undefined
    const found = await this.#find()
    return 'ready' in found ? await openBundle(found.ready.bundle, this.#options.signal) : undefined
  }

  /**
   * A server on these GPUs. Makes missing parts, and logs that once.
   *
   * @param mayMake - false: make nothing
   * @throws the errors of `deploy`; UnavailableError for a missing part that must not be made
   */
  async server(mayMake = true): Promise<HomeServer> {
    const { repository, runtime, bundle } = mayMake ? await this.#complete() : await this.#whole()
    const areAll = this.gpus.length === this.#survey.gpus.length
    const gpus = areAll ? undefined : this.gpus.map(({ uuid }) => uuid)
    return {
      launch: { ...runtime.launch, repository, gpus },
      models: await openBundle(bundle, this.#options.signal),
      why: `${gpuNames(this.gpus)} ${this.gpus.length === 1 ? 'is' : 'are'} set up`,
    }
  }

  /** The existing parts; looked for once. */
  #find(): ReturnType<typeof findDeployment> {
    this.#found ??= findDeployment(this.#request)
    return this.#found
  }

  async #complete(): Promise<Deployment> {
    const found = await this.#find()
    if ('ready' in found) return found.ready
    return await (await import('./complete.ts')).completeDeployment(this.#request)
  }

  async #whole(): Promise<Deployment> {
    const found = await this.#find()
    if ('ready' in found) return found.ready
    throw new UnavailableError(`what a server on these GPUs needs is not there: ${found.why}`, {
      detail: { code: 'gpus-not-set-up', data: {} },
    })
  }

  /** The error for GPUs that are not set up. @param hereSeconds - time that this process would take; null if unknown */
  async notSetUp(hereSeconds?: number | null): Promise<UnavailableError> {
    const { estimateSetup } = await import('./complete.ts')
    const setupSeconds = await estimateSetup(this.#options.base, this.gpus)
    const which = this.gpus.length === 1 ? 'GPU' : 'GPUs'
    const verb = this.gpus.length === 1 ? 'is' : 'are'
    return new UnavailableError(`the ${which} of this machine (${gpuNames(this.gpus)}) ${verb} not set up`, {
      detail: { code: 'gpus-not-set-up', data: { setupSeconds, hereSeconds } },
    })
  }

  get #request(): DeployRequest {
    const { base, logger, signal } = this.#options
    return { base, home: this.#home, gpus: this.gpus, logger, signal }
  }
}
