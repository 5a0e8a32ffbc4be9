import { hostname } from 'node:os'
import type { TritonClient } from '#tritonclient-ts'
import type { HostedName } from '../../bundle/index.ts'
import type { Logger } from '../../system/logger.ts'
import type { DeviceMetrics } from '../metrics.ts'
import { type AskGpus, type GpuReading, nvidiaSmi } from './nvidia-smi.ts'
import { askMetricsPage, askStatistics, type ComputeTimes } from './triton.ts'

/** An answer that takes longer is none; a sample must be over before the next begins. */
const LONGEST_ANSWER_MS = 2000

/** One place that computes, as the backend sees it. */
export interface MonitoredLane {
  readonly name: string
  /** Undefined for both models. */
  readonly model: HostedName | undefined
  /** `HOST:PORT`; undefined in this process. */
  readonly server: string | undefined
  readonly instances: number
  readonly healthy: boolean
  readonly inFlight: number
  readonly batches: number
  readonly sequences: number
  readonly paddedTokens: number
  readonly busySeconds: number | undefined
  /** Most padded tokens of a batch that its memory holds, once it has run out. */
  readonly memoryTokens: number | undefined
}

/** A server to be asked how it is. */
export interface MonitoredServer {
  /** `HOST:PORT`. */
  readonly name: string
  readonly client: TritonClient
  readonly metricsUrl: string
}

/** A lane and what the sample found out about it. */
export interface LaneSample extends MonitoredLane {
  /** Whether its server answered; true in this process. */
  answers: boolean
  /** Share of the time since the last sample in which its instances computed. */
  busy: number | undefined
  sequencesPerSecond: number | undefined
}

interface SamplerOptions {
  lanes(): readonly MonitoredLane[]
  /** Asked at each sample. */
  servers: readonly MonitoredServer[]
  intervalSeconds: number
  logger: Logger
}

/** What each server says it has computed; undefined where it did not answer. */
type Times = ReadonlyMap<string, ComputeTimes | undefined>

/** Asks everything that knows how busy the devices are. A source that is not there is left out. */
export class Sampler {
  readonly #options: SamplerOptions
  readonly #deadlineMs: number
  #askHere: AskGpus | undefined
  readonly #silent = new Set<string>()
  #before: { at: number; lanes: ReadonlyMap<string, MonitoredLane>; times: Times } | undefined

  constructor(options: SamplerOptions) {
    this.#options = options
    this.#deadlineMs = Math.min(LONGEST_ANSWER_MS, options.intervalSeconds * 800)
  }

  async read(): Promise<{ devices: DeviceMetrics[]; lanes: LaneSample[] }> {
    const { servers } = this.#options
    // A server may be starting when the run begins.
    if (servers.some(isLocal)) this.#askHere ??= nvidiaSmi()
    const [times, pages, local] = await Promise.all([
      Promise.all(servers.map(({ client }) => askStatistics(client, this.#deadlineMs))),
      Promise.all(servers.map((server) => this.#page(server))),
      this.#askHere?.(this.#deadlineMs),
    ])
    const lanes = this.#lanes(new Map(servers.map(({ name }, i) => [name, times[i]])))
    return { lanes, devices: [...this.#gpus(pages, local, lanes), ...lanes.map(deviceOf)] }
  }

  async #page(server: MonitoredServer): Promise<GpuReading[] | undefined> {
    const found = await askMetricsPage(server.metricsUrl, this.#deadlineMs)
    if (found === undefined && !this.#silent.has(server.name)) {
      this.#silent.add(server.name)
      this.#options.logger.debug(`no metrics from ${server.metricsUrl}`, { code: 'no-metrics', data: {} })
    }
    return found
  }

  #lanes(times: Times): LaneSample[] {
    const at = performance.now()
    const lanes = this.#options.lanes()
    const before = this.#before
    this.#before = { at, times, lanes: new Map(lanes.map((lane) => [lane.name, lane])) }
    return lanes.map((lane) => {
      const { name, server, instances } = lane
      const answers = server === undefined || times.get(server) !== undefined
      const last = before?.lanes.get(name)
      if (before === undefined || last === undefined)
        return { ...lane, answers, busy: undefined, sequencesPerSecond: undefined }
      const seconds = Math.max(1e-3, (at - before.at) / 1000)
      const computed =
        server === undefined
          ? (lane.busySeconds ?? Number.NaN) - (last.busySeconds ?? Number.NaN)
          : computedSeconds(lane, times.get(server), before.times.get(server))
      return {
        ...lane,
        answers,
        busy: Number.isNaN(computed) ? undefined : Math.max(0, Math.min(1, computed / seconds / instances)),
        sequencesPerSecond: (lane.sequences - last.sequences) / seconds,
      }
    })
  }

  /** Each GPU once, named after its server where that is known. */
  #gpus(
    pages: readonly (readonly GpuReading[] | undefined)[],
    local: readonly GpuReading[] | undefined,
    lanes: readonly LaneSample[],
  ): DeviceMetrics[] {
    const { servers } = this.#options
    const here = new Map(local?.map((gpu) => [gpu.uuid, gpu]))
    const devices = new Map<string, DeviceMetrics>()
    for (const [i, server] of servers.entries()) {
      const page = pages[i] ?? []
      const speed = page.length === 1 ? speedOf(server.name, lanes) : {}
      for (const [position, gpu] of page.entries()) {
        if (devices.has(gpu.uuid)) continue
        const { uuid, index = position, ...rest } = { ...gpu, ...here.get(gpu.uuid) }
        const name = `gpu ${index} at ${server.name}`
        devices.set(uuid, { name, kind: 'gpu', ...rest, ...speed })
      }
    }
    // A server on this machine that says nothing of GPUs may use any of them.
    const isMute = servers.some((server, i) => isLocal(server) && !pages[i]?.length)
    const others = isMute ? (local ?? []).filter(({ uuid }) => !devices.has(uuid)) : []
    for (const { uuid, index, ...rest } of others)
      devices.set(uuid, { name: `gpu ${index}`, kind: 'gpu', ...rest })
    return [...devices.values()]
  }
}

function isLocal({ name }: MonitoredServer): boolean {
  const host = name.replace(/:\d+$/, '')
  return /^(127\.[\d.]+|localhost|\[?::1\]?)$/.test(host) || host === hostname()
}

/** Seconds of computing since the last sample; NaN where unknown. A server that was started again counts from zero. */
function computedSeconds(
  { model }: MonitoredLane,
  now: ComputeTimes | undefined,
  before: ComputeTimes | undefined,
): number {
  if (model === undefined || now === undefined || before === undefined) return Number.NaN
  const [end = 0n, start = 0n] = [now.get(model), before.get(model)]
  return end < start ? Number.NaN : Number(end - start) / 1e9
}

function speedOf(server: string, lanes: readonly LaneSample[]): { sequencesPerSecond?: number } {
  const speeds = lanes.filter((lane) => lane.server === server).map((lane) => lane.sequencesPerSecond)
  // What is not known of one lane is not known of all.
  if (speeds.includes(undefined)) return {}
  return { sequencesPerSecond: speeds.reduce<number>((sum, speed) => sum + (speed ?? 0), 0) }
}

function deviceOf({ name, server, busy, sequencesPerSecond }: LaneSample): DeviceMetrics {
  return {
    name,
    kind: server === undefined ? 'cpu' : 'instance',
    ...(busy !== undefined && { busy }),
    ...(sequencesPerSecond !== undefined && { sequencesPerSecond }),
  }
}
