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
  resident: Series
  warnings: { seconds: number; code: string; message: string }[]
}

/** A chart is 400 units wide; more points only make the page large. */
const MOST_POINTS = 300

export function timelineOf(lines: readonly MetricsLine[]): Timeline {
  const builder = new TimelineBuilder()
  for (const line of lines) builder.add(line)
  return builder.finish()
}

class TimelineBuilder {
  readonly #warnings: Timeline['warnings'] = []
  readonly #restarts: number[] = []
  readonly #busy = new SeriesSet()
  readonly #memory = new SeriesSet()
  readonly #tokens = new SeriesSet()
  readonly #resident = new SeriesSet()
  /** Where the part that is under way begins. */
  #offset = 0
  #seconds = 0
  #before: MetricsSample | undefined

  add(line: MetricsLine): void {
    if (line.kind === 'start') {
      this.#start()
      return
    }
    const at = this.#offset + line.seconds
    this.#seconds = Math.max(this.#seconds, at)
    if (line.kind === 'warning') this.#warnings.push({ seconds: at, code: line.code, message: line.message })
    else if (line.kind === 'sample') this.#sample(line, at)
  }

  #start(): void {
    if (this.#seconds > 0) {
      this.#restarts.push(this.#seconds)
      for (const set of [this.#busy, this.#memory, this.#tokens, this.#resident]) set.interrupt(this.#seconds)
    }
    this.#offset = this.#seconds
    this.#before = undefined
  }

  #sample(line: MetricsSample, at: number): void {
    for (const { name, busy, memoryUsedBytes } of line.devices) {
      this.#busy.add(name, at, busy)
      this.#memory.add(name, at, memoryUsedBytes)
    }
    const passed = line.seconds - (this.#before?.seconds ?? 0)
    for (const model of FEATURE_ORDER) {
      const done = line.models[model].tokens - (this.#before?.models[model].tokens ?? 0)
      if (passed > 0 && done >= 0) this.#tokens.add(MODELS[model].label, at, done / passed)
    }
    this.#resident.add('this program', at, line.process.rssBytes)
    this.#before = line
  }

  finish(): Timeline {
    return {
      seconds: this.#seconds,
      restarts: this.#restarts,
      busy: this.#busy.thinned(),
      memory: this.#memory.thinned(),
      tokens: this.#tokens.thinned(),
      resident: this.#resident.thinned()[0] ?? { name: 'this program', points: [] },
      warnings: this.#warnings,
    }
  }
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
