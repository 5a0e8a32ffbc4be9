import { MODELS, modelOf } from '../../bundle/index.ts'
import { deviceIn, type Finding, type Observation, type Rule } from './history.ts'

/** Memory that is taken once, at the start: models, pools, caches, the first windows. */
const WARM_UP_SECONDS = 300
/** Growth is judged over this time, so that windows of frames that come and go are not taken for a leak. */
const WINDOW_SECONDS = 900
const LEAST_SAMPLES = 20
/** Growth within the window that matters: this share of what is there, and this much. */
const LEAST_SHARE = 0.1
const LEAST_BYTES = 256 * 2 ** 20
/** Share of the variance that a straight line must explain. */
const LEAST_FIT = 0.8
/** What warms up grows ever less; the later half must grow by this share of the earlier one. */
const LEAST_LATE_SHARE = 0.6

interface Point {
  seconds: number
  bytes: number
}

/** Bytes per second that a series grows by, and how well a straight line fits, by least squares. */
function growth(points: readonly Point[]): { rate: number; fit: number } {
  const n = points.length
  const mean = (of: (point: Point) => number) => points.reduce((sum, point) => sum + of(point), 0) / n
  const [t, y] = [mean(({ seconds }) => seconds), mean(({ bytes }) => bytes)]
  let [tt, ty, yy] = [0, 0, 0]
  for (const { seconds, bytes } of points) {
    tt += (seconds - t) ** 2
    ty += (seconds - t) * (bytes - y)
    yy += (bytes - y) ** 2
  }
  if (tt === 0 || yy === 0) return { rate: 0, fit: 0 }
  return { rate: ty / tt, fit: ty ** 2 / (tt * yy) }
}

/**
 * The rate of a leak; undefined for memory that levels off, jumps about or grows by little.
 */
function leak(points: readonly Point[]): number | undefined {
  if (points.length < LEAST_SAMPLES) return undefined
  const { rate, fit } = growth(points)
  const [first, last] = [points[0] as Point, points.at(-1) as Point]
  const grown = rate * (last.seconds - first.seconds)
  if (fit < LEAST_FIT || grown < Math.max(LEAST_BYTES, LEAST_SHARE * first.bytes)) return undefined
  const half = points.length >> 1
  const [early, late] = [growth(points.slice(0, half)).rate, growth(points.slice(half)).rate]
  return late < LEAST_LATE_SHARE * early ? undefined : rate
}

/** Memory of this program and of each GPU that grows all the time. */
export const memoryGrowth: Rule = {
  over: { seconds: WINDOW_SECONDS },
  check(window, newest, all) {
    const isWarm = ({ sample }: Observation) => sample.seconds >= WARM_UP_SECONDS
    if (!isWarm(window[0]!)) return []
    const span = all.filter(isWarm).slice(-Math.max(window.length, LEAST_SAMPLES))
    const gpus = newest.sample.devices.filter(({ kind }) => kind === 'gpu')
    return [
      ...growing(
        span,
        undefined,
        ({ sample }) => sample.process.rssBytes,
        'stop the run and start the same command again, which continues from what is done; please report it as a defect, with the file metrics.jsonl',
      ),
      ...gpus.flatMap(({ name }) =>
        growing(
          span,
          name,
          (observation) => deviceIn(observation, name)?.memoryUsedBytes,
          'restart the server before it is full; the run waits for it and goes on',
        ),
      ),
    ]
  },
}

function growing(
  span: readonly Observation[],
  device: string | undefined,
  bytes: (observation: Observation) => number | undefined,
  advice: string,
): Finding[] {
  const rate = leak(
    span.flatMap((observation) => {
      const value = bytes(observation)
      return value === undefined ? [] : [{ seconds: observation.sample.seconds, bytes: value }]
    }),
  )
  if (rate === undefined) return []
  const mebibytes = Math.round((rate * 60) / 2 ** 20)
  const message = `memory of ${device ?? 'this program'} grows by ${mebibytes} MiB a minute: ${advice}`
  return [{ code: 'memory-growth', ...(device !== undefined && { device }), message }]
}

/** Lanes whose memory has run out and that compute batches in pieces since. */
export const inPieces: Rule = {
  over: { samples: 1 },
  check: (_, { lanes }) =>
    lanes.flatMap(({ name, model, memoryTokens: tokens }): Finding[] => {
      if (tokens === undefined) return []
      const message = `out of memory: ${name} computes batches of more than ${tokens} tokens in pieces`
      const detail =
        model &&
        ({ code: 'memory-too-small', data: { model: MODELS[modelOf(model)].short, tokens } } as const)
      return [
        { code: 'out-of-memory', device: name, message, ...(detail && { detail }), alreadyLogged: true },
      ]
    }),
}
