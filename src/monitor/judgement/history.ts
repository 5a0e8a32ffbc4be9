import type { ModelName } from '../../bundle/index.ts'
import type { MetricsSample, WarningCode } from '../metrics.ts'
import type { LaneSample } from '../sampling/sampler.ts'

/** A sample with what only the run itself knows. */
export interface Observation {
  sample: Omit<MetricsSample, 'kind' | 'time'>
  lanes: readonly LaneSample[]
  /** Whether frames are still to come. */
  moreToCome: boolean
}

/** What is wrong, and what to do about it. */
export interface Finding {
  code: WarningCode
  device?: string
  message: string
  /** The user knows it already from the backend: it is written down only. */
  told?: boolean
}

/** Looks at the observations so far, the newest last. */
export type Rule = (history: readonly Observation[]) => Finding[]

/** Samples that a state must have lasted for to count. */
export const SAMPLES = 3

/** The last `count` observations; undefined while there are fewer. */
export function latest(
  history: readonly Observation[],
  count: number = SAMPLES,
): readonly Observation[] | undefined {
  return history.length < count ? undefined : history.slice(-count)
}

/** The newest observations that span at least this time; undefined while there are none so old. */
export function lasting(
  history: readonly Observation[],
  seconds: number,
): readonly Observation[] | undefined {
  const end = history.at(-1)?.sample.seconds
  if (end === undefined) return undefined
  const start = history.findLastIndex(({ sample }) => end - sample.seconds >= seconds)
  return start < 0 ? undefined : history.slice(start)
}

/** Batches that could be sent to a lane. */
export function waitingFor({ sample }: Observation, model: ModelName | undefined): number {
  const { esm2, dnabert_s } = sample.models
  return model === undefined ? esm2.waiting + dnabert_s.waiting : sample.models[model].waiting
}
