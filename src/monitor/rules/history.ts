import { HOSTED_NAMES, type HostedName } from '../../bundle/index.ts'
import type { Detail } from '../../system/error-codes.ts'
import type { DeviceMetrics, MetricsSample, WarningCode } from '../metrics.ts'
import type { LaneSample } from '../sampling/sampler.ts'

/** A sample with what only the run itself knows. */
export interface Observation {
  sample: Omit<MetricsSample, 'kind' | 'time'>
  lanes: readonly LaneSample[]
  /** Batches planned and not sent; of what is not named there are none. */
  waiting: Readonly<Partial<Record<HostedName, number>>>
  /** Whether frames are still to come. */
  moreToCome: boolean
}

/** What is wrong. */
export interface Finding {
  code: WarningCode
  device?: string
  message: string
  /** What a front end can give advice on. */
  detail?: Detail
  /** The backend has logged it: it is written down only. */
  alreadyLogged?: boolean
}

export interface Rule {
  /** What it looks at: so many of the newest observations, or those of so many seconds. Without them it says nothing. */
  over: { samples: number } | { seconds: number }
  /**
   * @param span - what it looks at, the newest last
   * @param all - all observations that are kept
   */
  check(span: readonly Observation[], newest: Observation, all: readonly Observation[]): Finding[]
}

/** Samples that a state must have lasted for to count. */
export const SAMPLES = 3

/** The observations that a rule looks at; undefined while there are not enough. */
export function spanOf(
  history: readonly Observation[],
  over: Rule['over'],
): readonly Observation[] | undefined {
  if ('samples' in over) return history.length < over.samples ? undefined : history.slice(-over.samples)
  const end = history.at(-1)?.sample.seconds ?? 0
  const start = history.findLastIndex(({ sample }) => end - sample.seconds >= over.seconds)
  return start < 0 ? undefined : history.slice(start)
}

/** Batches that could be sent to lanes of a model. @param model - undefined for any */
export function waitingFor({ waiting }: Observation, model: HostedName | undefined): number {
  const names = model === undefined ? HOSTED_NAMES : [model]
  return names.reduce((sum, name) => sum + (waiting[name] ?? 0), 0)
}

export function laneIn({ lanes }: Observation, name: string): LaneSample | undefined {
  return lanes.find((lane) => lane.name === name)
}

export function deviceIn({ sample }: Observation, name: string): DeviceMetrics | undefined {
  return sample.devices.find((device) => device.name === name)
}
