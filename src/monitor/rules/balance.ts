import { FEATURE_ORDER, HOSTED_NAMES, type HostedName, MODELS, modelOf } from '../../bundle/index.ts'
import { type Finding, laneIn, type Observation, type Rule, SAMPLES, waitingFor } from './history.ts'

/** Devices of one kind that differ by more are not as they should be. */
const MOST_DIFFERENCE = 0.2
/** Busy less than this with empty queues: the devices are not the bottleneck. */
const LEAST_BUSY = 0.8
/** What was done in some samples needs the state before the first of them. */
const OVER = { samples: SAMPLES + 1 }

/** Lanes of a model that do much less than the fastest of them, each measured by its instances. */
export const imbalance: Rule = {
  over: OVER,
  check: (span, newest) => HOSTED_NAMES.flatMap((model) => slowLanes(model, span, newest)),
}

function slowLanes(model: HostedName, span: readonly Observation[], newest: Observation): Finding[] {
  // Without a queue a lane has done less because it was given less.
  if (span.some((observation) => waitingFor(observation, model) === 0)) return []
  const first = span[0]!
  const seconds = newest.sample.seconds - first.sample.seconds
  const lanes = newest.lanes
    .filter((lane) => lane.model === model && lane.healthy && lane.answers)
    .flatMap((lane) => {
      const before = laneIn(first, lane.name)
      if (before === undefined) return []
      const tokens = lane.paddedTokens - before.paddedTokens
      // Work is counted when a batch ends: the one under way may have to be added.
      const batch = lane.paddedTokens / Math.max(1, lane.batches)
      const scale = seconds * lane.instances
      return [{ name: lane.name, atLeast: tokens / scale, atMost: (tokens + batch * lane.instances) / scale }]
    })
  const [fastest] = lanes.toSorted((a, b) => b.atLeast - a.atLeast)
  if (fastest === undefined) return []
  return lanes
    .filter(({ atMost }) => atMost < (1 - MOST_DIFFERENCE) * fastest.atLeast)
    .map(({ name, atLeast }) => {
      const less = Math.round(100 * (1 - atLeast / fastest.atLeast))
      const message =
        `imbalanced: ${name} is ${less} % slower than ${fastest.name} for each instance; the run gives it less to do. ` +
        `Look for another program on its machine, lowered clocks, or another precision or plan of ${MODELS[modelOf(model)].label}`
      return { code: 'imbalance', device: name, message }
    })
}

/** Devices that wait for this program. */
export const clientBound: Rule = {
  over: OVER,
  check(span) {
    const isStarved = span.slice(1).every((observation, i) => {
      const { sample, lanes, moreToCome } = observation
      const before = span[i]!.sample.models
      const isComputing = FEATURE_ORDER.some((model) => sample.models[model].tokens > before[model].tokens)
      const isEmpty = waitingFor(observation, undefined) === 0
      const busy = lanes.flatMap((lane) => lane.busy ?? [])
      return moreToCome && isComputing && isEmpty && busy.length > 0 && Math.max(...busy) < LEAST_BUSY
    })
    if (!isStarved) return []
    const message =
      'client-bound: this program is the bottleneck: no batch is queued and no device is busy for 80 % of the time. ' +
      'Give it more cores and a faster disk, or decompress the input beforehand; more GPUs would not help'
    return [{ code: 'client-bound', message, detail: { code: 'client-bound', data: {} } }]
  },
}
