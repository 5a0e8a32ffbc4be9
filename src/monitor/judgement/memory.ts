import { type Finding, lasting, type Observation, type Rule } from './history.ts'

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

export interface Point {
  seconds: number
  bytes: number
}

/** Bytes per second that a series grows by, and how well a straight line fits, by least squares. */
export function growth(points: readonly Point[]): { rate: number; fit: number } {
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
export function leak(points: readonly Point[]): number | undefined {
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
export const memoryGrowth: Rule = (history) => {
  const warm = history.filter(({ sample }) => sample.seconds >= WARM_UP_SECONDS)
  const recent = lasting(warm, WINDOW_SECONDS)
  const span = recent === undefined ? undefined : warm.slice(-Math.max(recent.length, LEAST_SAMPLES))
  const newest = span?.at(-1)
  if (span === undefined || newest === undefined) return []
  const findings: Finding[] = []
  const resident = leak(series(span, ({ sample }) => sample.process.rssBytes))
  if (resident !== undefined) {
    const message =
      `memory of this program grows by ${rateText(resident)}: stop the run and start the same command again, which goes on ` +
      'from what is done; please report it as a defect, with the file metrics.jsonl'
    findings.push({ code: 'memory-growth', message })
  }
  for (const { name, kind } of newest.sample.devices) {
    if (kind !== 'gpu') continue
    const used = series(
      span,
      ({ sample }) => sample.devices.find((device) => device.name === name)?.memoryUsedBytes,
    )
    const rate = leak(used)
    if (rate === undefined) continue
    const message = `memory of ${name} grows by ${rateText(rate)}: start the server anew before it is full; the run waits for it and goes on`
    findings.push({ code: 'memory-growth', device: name, message })
  }
  return findings
}

function series(
  span: readonly Observation[],
  bytes: (observation: Observation) => number | undefined,
): Point[] {
  return span.flatMap((observation) => {
    const value = bytes(observation)
    return value === undefined ? [] : [{ seconds: observation.sample.seconds, bytes: value }]
  })
}

function rateText(bytesPerSecond: number): string {
  return `${Math.round((bytesPerSecond * 60) / 2 ** 20)} MiB a minute`
}
