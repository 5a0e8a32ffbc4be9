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

type Model = 'dnabert_s' | 'esm2'
const MODELS: Readonly<Record<Model, string>> = { dnabert_s: 'DNABERT-S', esm2: 'ESM-2' }

export function timelineOf(lines: readonly MetricsLine[]): Timeline {
  const warnings: Timeline['warnings'] = []
  const restarts: number[] = []
  const busy = new SeriesSet()
  const memory = new SeriesSet()
  const tokens = new SeriesSet()
  const resident = new SeriesSet()
  let offset = 0
  let seconds = 0
  let before: MetricsSample | undefined
  for (const line of lines) {
    if (line.kind === 'start') {
      if (seconds > 0) {
        restarts.push(seconds)
        for (const set of [busy, memory, tokens, resident]) set.interrupt(seconds)
      }
      offset = seconds
      before = undefined
      continue
    }
    const at = offset + line.seconds
    seconds = Math.max(seconds, at)
    if (line.kind === 'warning') {
      warnings.push({ seconds: at, code: line.code, message: line.message })
    } else if (line.kind === 'sample') {
      for (const { name, busy: share, memoryUsedBytes } of line.devices) {
        if (share !== undefined) busy.add(name, at, share)
        if (memoryUsedBytes !== undefined) memory.add(name, at, memoryUsedBytes)
      }
      for (const model of Object.keys(MODELS) as Model[]) {
        const now = line.models[model]?.tokens
        if (now === undefined) continue
        const passed = line.seconds - (before?.seconds ?? 0)
        const done = now - (before?.models[model]?.tokens ?? 0)
        if (passed > 0 && done >= 0) tokens.add(MODELS[model], at, done / passed)
      }
      resident.add('this program', at, line.process.rssBytes)
      before = line
    }
  }
  return {
    seconds,
    restarts,
    busy: busy.thinned(),
    memory: memory.thinned(),
    tokens: tokens.thinned(),
    resident: resident.thinned()[0] ?? { name: 'this program', points: [] },
    warnings,
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
