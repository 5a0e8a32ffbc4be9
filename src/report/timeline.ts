import { FEATURE_ORDER, MODELS } from '../bundle/index.ts'
import type { MetricsLine, MetricsSample } from '../monitor/index.ts'

export type Point = readonly [seconds: number, value: number | undefined]

export interface Series {
  name: string
  points: Point[]
}

/** What the samples of a run say, on one axis of running time: pauses between interruptions are left out. */
export interface Timeline {
  seconds: number
  /** Where the run was started once more. */
  restarts: number[]
  /** Busy share of each GPU, or of what else computes; 0 to 1. */
  busy: Series[]
  /** Memory in use on each GPU, in bytes. */
  memory: Series[]
  /** Tokens in each second, for each model. */
  tokens: Series[]
  /** Memory of the program itself, in bytes. */
  resident: Series[]
  warnings: { seconds: number; code: string; message: string }[]
}

/** A chart is 400 units wide; more points only make the page large. */
const MOST_POINTS = 300

export function timelineOf(lines: readonly MetricsLine[]): Timeline {
  const sets = {
    busy: new SeriesSet(),
    memory: new SeriesSet(),
    tokens: new SeriesSet(),
    resident: new SeriesSet(),
  }
  const restarts: number[] = []
  const warnings: Timeline['warnings'] = []
  // Where the start that is under way begins.
  let [offset, seconds] = [0, 0]
  let before: MetricsSample | undefined
  for (const line of lines) {
    if (line.kind === 'start') {
      if (seconds > 0) {
        restarts.push(seconds)
        for (const set of Object.values(sets)) set.interrupt(seconds)
      }
      offset = seconds
      before = undefined
      continue
    }
    const at = offset + line.seconds
    seconds = Math.max(seconds, at)
    if (line.kind === 'warning') warnings.push({ seconds: at, code: line.code, message: line.message })
    if (line.kind !== 'sample') continue
    addSample(sets, at, line, before)
    before = line
  }
  const { busy, memory, tokens, resident } = sets
  return {
    seconds,
    restarts,
    busy: busy.thinned(),
    memory: memory.thinned(),
    tokens: tokens.thinned(),
    resident: resident.thinned(),
    warnings,
  }
}

function addSample(
  { busy, memory, tokens, resident }: Record<'busy' | 'memory' | 'tokens' | 'resident', SeriesSet>,
  at: number,
  sample: MetricsSample,
  before: MetricsSample | undefined,
): void {
  for (const device of sample.devices) {
    busy.add(device.name, at, device.busy)
    memory.add(device.name, at, device.memoryUsedBytes)
  }
  const passed = sample.seconds - (before?.seconds ?? 0)
  for (const model of FEATURE_ORDER) {
    const done = sample.models[model].tokens - (before?.models[model].tokens ?? 0)
    if (passed > 0 && done >= 0) tokens.add(MODELS[model].label, at, done / passed)
  }
  resident.add('this program', at, sample.process.rssBytes)
}

class SeriesSet {
  readonly #points = new Map<string, Point[]>()

  add(name: string, at: number, value: number | undefined): void {
    if (value === undefined) return
    const points = this.#points.get(name)
    if (points === undefined) this.#points.set(name, [[at, value]])
    else points.push([at, value])
  }

  /** Leaves a gap in every line. */
  interrupt(at: number): void {
    for (const points of this.#points.values()) points.push([at, undefined])
  }

  thinned(): Series[] {
    return [...this.#points].map(([name, points]) => ({ name, points: thin(points) }))
  }
}

/** Neighbours become their mean until a chart can show them; gaps stay. */
function thin(points: readonly Point[]): Point[] {
  const size = Math.ceil(points.length / MOST_POINTS)
  if (size <= 1) return [...points]
  const result: Point[] = []
  let group: [number, number][] = []
  const close = () => {
    if (group.length === 0) return
    const mean = (column: 0 | 1) => group.reduce((sum, point) => sum + point[column], 0) / group.length
    result.push([mean(0), mean(1)])
    group = []
  }
  for (const [at, value] of points) {
    if (value === undefined) {
      close()
      result.push([at, undefined])
    } else {
      group.push([at, value])
      if (group.length === size) close()
    }
  }
  close()
  return result
}
