import { type Manifest, MODEL_NAMES, type ModelName } from '../bundle/index.ts'
import type { Figures, Packed } from './count.ts'
import type { DeviceSpeed, Way, WayRecheck } from './ways.ts'

/** What a run takes, in seconds. */
export interface RunTime {
  /** The program, its models or its server. */
  readonly start: number
  /** What is read and cut before the first batch. */
  readonly reading: number
  readonly computing: number
  /** Frames that are computed once more in another precision. It is 0 without a recheck, and where earlier runs have it in their speed. */
  readonly rechecking: number
  /** After the last batch: scores, tables, report. */
  readonly finishing: number
}

export interface Work {
  readonly manifest: Manifest
  readonly figures: Figures
  readonly packed: Readonly<Record<ModelName, Packed>>
  /** Seconds in which one thread reads, cuts and packs the whole input. */
  readonly preparing: number
}

/** The program until it opens its models. */
const PROGRAM_SECONDS = 0.5
/** Weights are read twice, to compare them and to load them. */
const WEIGHT_BYTES_PER_SECOND = 0.7e9
/** A server without its models, and the bytes of models that come to the first GPU in a second; each further GPU takes a part of that. */
const SERVER_SECONDS = 2
const SERVED_BYTES_PER_SECOND = 1.1e9
const FURTHER_GPU = 0.6
/** A frame on its way through the program, besides the models, and each number of its embeddings: journal, features, classifier. */
const FRAME_SECONDS = 25e-6
const NUMBER_SECONDS = 20e-9
/** A row of the tables, and the report. */
const ROW_SECONDS = 4e-6
const REPORT_SECONDS = 0.3

/**
 * Share of the frames that a recheck computes once more: 1 % to compare, and those whose call is open. In a million reads with a
 * classifier that tells two made-up genomes apart it was 4.5 % (bench/results/h200-fp8.json); other classifiers leave more or
 * fewer calls open.
 */
export const RECHECKED = 0.05

/** @returns undefined where the speed of a device is not known */
export function runTime(way: Way, work: Work): RunTime | undefined {
  const { figures, manifest, preparing } = work
  const { devices, recheck } = way
  const models = secondsOf(devices, (speed) => modelSeconds(speed, work.packed))
  const again = (speed: DeviceSpeed) =>
    speed.source === 'runs' || recheck === undefined
      ? 0
      : RECHECKED * modelSeconds(speed, work.packed, recheck)
  const rechecking = secondsOf(devices, again)
  if (models === undefined || rechecking === undefined) return undefined
  const program = programSeconds(manifest, figures.frames)
  const finishing = REPORT_SECONDS + figures.frames * ROW_SECONDS
  if (way.kind === 'process') {
    // Both want the same cores.
    const start = PROGRAM_SECONDS + way.weightBytes / WEIGHT_BYTES_PER_SECOND
    return { start, reading: preparing, computing: models + program, rechecking, finishing }
  }
  const gpus = way.devices.reduce((sum, { count }) => sum + count, 0)
  const loading = (way.weightBytes / SERVED_BYTES_PER_SECOND) * (1 + FURTHER_GPU * (gpus - 1))
  const server = way.kind === 'server' ? 0 : SERVER_SECONDS + loading
  const start = PROGRAM_SECONDS + server
  // Only what comes before the first batch is not hidden behind the GPUs.
  const first = Math.min(preparing, preparing * (FIRST_FRAMES / Math.max(1, figures.frames)))
  const computing = Math.max(models, program + preparing)
  return { start, reading: first, computing, rechecking, finishing }
}

/** What the program itself does with frames between reading them and the tables, on one thread. */
export function programSeconds(manifest: Manifest, frames: number): number {
  return frames * (FRAME_SECONDS + numbersOf(manifest) * NUMBER_SECONDS)
}

/** Numbers in the features of a frame. */
export function numbersOf({ models }: Manifest): number {
  return MODEL_NAMES.reduce((sum, model) => sum + models[model].dimension, 0)
}

/** Frames of a window: the first is read before anything is computed. */
const FIRST_FRAMES = 10_000

/**
 * Seconds that all devices together need.
 *
 * @param alone - seconds that a device of a kind needs by itself
 * @returns undefined where the speed of a device is not known
 */
function secondsOf(devices: Way['devices'], alone: (speed: DeviceSpeed) => number): number | undefined {
  let rate = 0
  for (const { count, speed } of devices) {
    if (speed === undefined) return undefined
    rate += count / alone(speed)
  }
  return 1 / rate
}

/**
 * Seconds in which one device computes all batches of both models, which share it.
 *
 * @param recheck - its partner computes in place of the quantized model
 */
function modelSeconds({ at }: DeviceSpeed, packed: Work['packed'], recheck?: WayRecheck): number {
  return MODEL_NAMES.reduce((sum, model) => {
    const times = recheck?.model === model ? recheck.partnerTime : 1
    for (const [length, tokens] of packed[model].byLength) sum += (times * tokens) / at(model, length)
    return sum
  }, 0)
}

export function allSeconds(parts: RunTime): number {
  return Object.values(parts).reduce((sum, seconds) => sum + seconds, 0)
}
