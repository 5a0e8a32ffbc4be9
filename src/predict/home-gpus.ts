import { type Bundle, computesOnCpu, openBundle } from '../bundle/index.ts'
import { quickEstimate } from '../estimate/index.ts'
import { type HomeRecord, readHome } from '../home/index.ts'
import { type Gpu, type GpuSurvey, gpuKinds, surveyGpus } from '../machine/index.ts'
import { completeDeployment, estimateSetup, findDeployment, isSupported } from '../server/deploy/index.ts'
import { UnavailableError, UsageError } from '../system/errors.ts'
import { count } from '../text/numbers.ts'
import type { Started, WayRequest } from './way.ts'

/** The GPUs of this machine, for a bundle of the home. */
export class HomeGpus {
  readonly #asked: WayRequest
  readonly #survey: GpuSurvey
  readonly #home: HomeRecord
  readonly #gpus: readonly Gpu[]

  private constructor(asked: WayRequest, survey: GpuSurvey, home: HomeRecord) {
    this.#asked = asked
    this.#survey = survey
    this.#home = home
    const { gpus } = asked.options
    this.#gpus = survey.gpus.filter((gpu, number) => gpus?.includes(number) ?? isSupported(gpu))
  }

  static async look(asked: WayRequest): Promise<HomeGpus> {
    return new HomeGpus(asked, await surveyGpus(asked.signal), await readHome())
  }

  /** What was found out about GPUs, where there should be some and are none. */
  get lost(): GpuSurvey | undefined {
    return this.#home.gpu !== undefined && this.#survey.gpus.length === 0 ? this.#survey : undefined
  }

  /** The bundle whose models compute on the GPUs, where it is there. Nothing large is read. */
  async bundle(): Promise<Bundle | undefined> {
    if (this.#home.gpu === undefined || this.#gpus.length === 0) return undefined
    const found = await findDeployment(this.#request)
    return 'ready' in found ? await openBundle(found.ready.bundle, this.#asked.signal) : undefined
  }

  /**
   * A server on these GPUs, with all that it needs; undefined where this machine has none.
   *
   * @throws UnavailableError when they are not set up; UsageError for one that is not there
   */
  async server(): Promise<Started | undefined> {
    const { options, logger, signal } = this.#asked
    const absent = options.gpus?.find((number) => this.#survey.gpus[number] === undefined)
    if (this.#survey.gpus.length === 0 || (absent === undefined && this.#gpus.length === 0)) return undefined
    if (absent !== undefined) {
      throw new UsageError(`there is no GPU ${absent} on this machine (0 to ${this.#survey.gpus.length - 1})`)
    }
    if (this.#home.gpu === undefined) {
      const problem = await this.#notSetUp()
      if (!options.fallbackToCpu) throw problem
      logger.warn(problem.message)
      return undefined
    }
    const { repository, runtime, bundle } = await completeDeployment(this.#request)
    const isEach = this.#gpus.length === this.#survey.gpus.length
    const gpus = isEach ? undefined : this.#gpus.map(({ uuid }) => uuid)
    return {
      kind: 'started',
      launch: { ...runtime.launch, repository, gpus },
      models: await openBundle(bundle, signal),
      why: `${this.#names()} ${this.#gpus.length === 1 ? 'is' : 'are'} set up`,
    }
  }

  get #request() {
    const { bundle, logger, signal } = this.#asked
    return { base: bundle, home: this.#home, gpus: this.#gpus, logger, signal }
  }

  #names(): string {
    return gpuKinds(this.#gpus)
      .map(({ name, gpus }) => (gpus.length === 1 ? name : `${gpus.length} ${name}`))
      .join(' and ')
  }

  async #notSetUp(): Promise<UnavailableError> {
    const { options, bundle, signal } = this.#asked
    const { inputs, expectedLength, threads } = options
    const [setupSeconds, run] = await Promise.all([
      estimateSetup(bundle, this.#gpus),
      quickEstimate(inputs, { expectedLength, bundle, threads, signal }),
    ])
    const problem = `this machine has ${count(this.#gpus.length, 'GPU')} (${this.#names()}), not set up yet`
    const hereSeconds = computesOnCpu(bundle.manifest.precision) ? (run?.cpuSeconds ?? null) : undefined
    return new UnavailableError(problem, {
      detail: { code: 'gpus-not-set-up', data: { setupSeconds, hereSeconds } },
    })
  }
}
