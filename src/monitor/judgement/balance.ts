import { FEATURE_ORDER, MODELS, type ModelName } from '../../bundle/index.ts'
import { type Finding, latest, type Observation, type Rule, SAMPLES, waitingFor } from './history.ts'

/** Devices of one kind that differ by more are not as they should be. */
const MOST_DIFFERENCE = 0.2
/** Busy less than this with empty queues: something else than the devices holds the run up. */
const LEAST_BUSY = 0.8

/** Lanes of a model that do much less than the fastest of them, each measured by its instances. */
export const imbalance: Rule = (history) => {
  // What was done in three samples needs the state before the first of them.
  const recent = latest(history, SAMPLES + 1)
  if (recent === undefined) return []
  return FEATURE_ORDER.flatMap((model) => slowLanes(model, recent))
}

function slowLanes(model: ModelName, recent: readonly Observation[]): Finding[] {
  const [first, last] = [recent[0], recent.at(-1)]
  if (first === undefined || last === undefined) return []
  // Without a queue a lane has done less because it was given less.
  if (recent.some((observation) => waitingFor(observation, model) === 0)) return []
  const seconds = last.sample.seconds - first.sample.seconds
  const lanes = last.lanes
    .filter((lane) => lane.model === model && lane.inOrder && lane.answers)
    .flatMap((lane) => {
      const before = first.lanes.find(({ name }) => name === lane.name)
      if (before === undefined) return []
      const tokens = lane.paddedTokens - before.paddedTokens
      // Work is counted when a batch ends: the one under way may have to be added.
      const batch = lane.paddedTokens / Math.max(1, lane.batches)
      const scale = seconds * lane.instances
      return [{ name: lane.name, atLeast: tokens / scale, atMost: (tokens + batch * lane.instances) / scale }]
    })
  const fastest = lanes.reduce((best, lane) => (lane.atLeast > best.atLeast ? lane : best), {
    name: '',
    atLeast: 0,
    atMost: 0,
  })
  return lanes
    .filter(({ atMost }) => atMost < (1 - MOST_DIFFERENCE) * fastest.atLeast)
    .map(({ name, atLeast }) => {
      const less = Math.round(100 * (1 - atLeast / fastest.atLeast))
      const message =
        `imbalanced: ${name} is ${less} % slower than ${fastest.name} for each instance; the run gives it less to do. ` +
        `Look for another program on its machine, lowered clocks, or another precision or plan of ${MODELS[model].label}`
      return { code: 'imbalance', device: name, message }
    })
}

/** Devices that wait for this program. */
export const clientBound: Rule = (history) => {
  const recent = latest(history, SAMPLES + 1)
  if (recent === undefined) return []
  const spans = recent.slice(1)
  const starved = spans.every(({ sample, lanes, moreToCome }, i) => {
    const before = recent[i]?.sample.models
    const computed = FEATURE_ORDER.some(
      (model) => sample.models[model].tokens > (before?.[model].tokens ?? 0),
    )
    const known = lanes.flatMap(({ busy }) => busy ?? [])
    const busy = known.reduce((most, share) => Math.max(most, share), 0)
    const empty = FEATURE_ORDER.every((model) => sample.models[model].waiting === 0)
    return moreToCome && computed && empty && known.length > 0 && busy < LEAST_BUSY
  })
  if (!starved) return []
  const message =
    'this program is what holds the run up: nothing waits to be computed and no device is busy for 80 % of the time. ' +
    'Give it more cores and a faster disk, decompress the input beforehand, or see whether --keep-intermediate is needed; ' +
    'more GPUs would not help'
  return [{ code: 'client-bound', message }]
}
