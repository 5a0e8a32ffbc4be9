import { MODELS, type ModelName } from '../../bundle/index.ts'
import { brief, clock, estimate, gibibytes, integer } from '../../text/numbers.ts'
import type { DeviceMetrics } from '../metrics.ts'
import type { Speed } from '../pace.ts'
import type { ModelStats } from '../run-stats.ts'
import type { Row } from './line.ts'

/** What the display and the log lines tell of a run, as of now. */
export interface Status {
  /** What is counted, in the plural. */
  unit: string
  /** The models of the run. */
  names: readonly ModelName[]
  seconds: number
  /** Of several that are over; undefined for a run over one. */
  samples?: { readonly done: number; readonly all: number } | undefined
  frames: { prepared: number; done: number; known: number; expected: number | undefined }
  inputRead: boolean
  /** Frames of a round of the recheck; undefined while there is none. */
  recheck: { readonly done: number; readonly all: number } | undefined
  /** Share of the input that has been read; undefined for standard input. */
  share: number | undefined
  /** Whether all that is left has been read. This and what follows is of the recheck while there is one, unless other samples go on. */
  allRead: boolean
  models: Readonly<Record<ModelName, Pick<ModelStats, 'sequences' | 'tokens' | 'inFlight' | 'waiting'>>>
  speeds: Record<ModelName, Speed | undefined>
  tokensLeft: Record<ModelName, number | undefined>
  secondsLeft: number | undefined
  checkpointAgeSeconds: number | undefined
  devices: readonly DeviceMetrics[]
  inFlight: ReadonlyMap<string, number>
}

/** A row for each stage, for each device, and one for the run. */
export function rowsOf(status: Status): Row[] {
  return [
    readingRow(status),
    ...status.names.map((model) => modelRow(model, status)),
    framesRow(status),
    ...recheckRow(status),
    ...samplesRow(status),
    ...status.devices.map((device) => deviceRow(device, status.inFlight.get(device.name))),
    runRow(status),
  ]
}

function readingRow({ frames, inputRead, share, unit }: Status): Row {
  return {
    label: 'Reading',
    bar: inputRead ? 1 : share,
    fields: [
      inputRead ? { text: 'done', rank: 1 } : share !== undefined && { text: percent(share), rank: 0 },
      { text: `${integer(frames.prepared)} ${unit}`, rank: 2 },
    ],
  }
}

function modelRow(model: ModelName, { models, speeds, tokensLeft }: Status): Row {
  const { tokens, sequences, inFlight, waiting } = models[model]
  const left = tokensLeft[model]
  const done = left === undefined ? undefined : left === 0 ? 1 : tokens / (tokens + left)
  const speed = speeds[model]
  return {
    label: MODELS[model].label,
    bar: done,
    fields: [
      done !== undefined && { text: percent(done), rank: 0 },
      speed === undefined && { text: `${integer(sequences)} sequences`, rank: 1 },
      speed && { text: `${brief(speed.sequencesPerSecond)} seq/s`, rank: 1 },
      speed && { text: `${brief(speed.tokensPerSecond)} tokens/s`, rank: 2 },
      { text: `${inFlight} in flight`, rank: 4 },
      { text: `${waiting} queued`, rank: 3 },
    ],
  }
}

function framesRow({ frames, unit }: Status): Row {
  const { done, known, expected, prepared } = frames
  const all = expected === undefined ? `${integer(prepared)}+` : integer(expected)
  const bar = expected ? done / expected : undefined
  return {
    label: 'Finished',
    bar,
    fields: [
      bar !== undefined && { text: percent(bar), rank: 0 },
      { text: `${integer(done)} of ${all} ${unit}`, rank: 1 },
      known > 0 && { text: `${integer(known)} known before`, rank: 3 },
    ],
  }
}

function recheckRow({ recheck, unit }: Status): Row[] {
  if (recheck === undefined) return []
  const { done, all } = recheck
  return [
    {
      label: 'Rechecked',
      bar: done / all,
      fields: [
        { text: percent(done / all), rank: 0 },
        { text: `${integer(done)} of ${integer(all)} ${unit}`, rank: 1 },
      ],
    },
  ]
}

function samplesRow({ samples }: Status): Row[] {
  if (samples === undefined) return []
  const { done, all } = samples
  const text = `${integer(done)} of ${integer(all)} samples`
  return [{ label: 'Samples', bar: all > 0 ? done / all : undefined, fields: [{ text, rank: 0 }] }]
}

function deviceRow(device: DeviceMetrics, inFlight: number | undefined): Row {
  const { name, busy, memoryUsedBytes, temperatureCelsius, powerWatts, throttled, sequencesPerSecond } =
    device
  return {
    label: name,
    bar: busy,
    fields: [
      busy !== undefined && { text: `${percent(busy)} busy`, brief: percent(busy), rank: 0 },
      memoryUsedBytes !== undefined && { text: gibibytes(memoryUsedBytes, device.memoryTotalBytes), rank: 2 },
      sequencesPerSecond !== undefined && { text: `${brief(sequencesPerSecond)} seq/s`, rank: 1 },
      inFlight !== undefined && { text: `${inFlight} in flight`, rank: 3 },
      temperatureCelsius !== undefined && { text: `${Math.round(temperatureCelsius)} °C`, rank: 5 },
      powerWatts !== undefined && { text: `${Math.round(powerWatts)} W`, rank: 4 },
      throttled && { text: `lowered: ${throttled.join(', ')}`, rank: 1, colour: 'red' },
    ],
  }
}

/** What is known of a device, in one line for logs. */
export function describeDevice(device: DeviceMetrics): string {
  const { label, fields } = deviceRow(device, undefined)
  const texts = fields.flatMap((field) => (field ? [field.text] : []))
  return `${label}: ${texts.join(', ') || 'nothing known'}`
}

function runRow({ seconds, secondsLeft, allRead, checkpointAgeSeconds: age }: Status): Row {
  const left = secondsLeft === undefined ? 'unknown yet' : `${allRead ? '' : 'about '}${clock(secondsLeft)}`
  return {
    label: 'Time left',
    fields: [
      { text: left, brief: secondsLeft === undefined ? '?' : clock(secondsLeft), rank: 0 },
      { text: `running for ${clock(seconds)}`, rank: 2, colour: 'dim' },
      age !== undefined && { text: `saved ${clock(age)} ago`, rank: 1, colour: 'dim' },
    ],
  }
}

/** A sign of life in one line, for logs. */
export function heartbeat(status: Status): string {
  const { frames, recheck, models, names, samples, speeds, secondsLeft, inputRead, unit } = status
  const speed = names.reduce((sum, model) => sum + (speeds[model]?.tokensPerSecond ?? 0), 0)
  const left = secondsLeft === undefined ? 'time left unknown yet' : `about ${estimate(secondsLeft)} left`
  if (recheck !== undefined && samples === undefined) {
    const done = `${integer(recheck.done)} of ${integer(recheck.all)} ${unit} rechecked`
    return `all ${unit} done; ${done}; ${brief(speed)} tokens/s; ${left}`
  }
  const embedded = names
    .map((model) => `${MODELS[model].label} ${integer(models[model].sequences)}`)
    .join(', ')
  const all =
    frames.expected === undefined ? '' : ` of ${inputRead ? '' : 'about '}${integer(frames.expected)}`
  const finished =
    samples === undefined ? '' : `${integer(samples.done)} of ${integer(samples.all)} samples done; `
  return (
    `${finished}embedded sequences: ${embedded}; ${brief(speed)} tokens/s; ${integer(frames.done)}${all} ${unit} done, ` +
    `${integer(frames.prepared)} read; ${left}`
  )
}

/** Rounded down: what is not done must not read as done. */
function percent(share: number): string {
  return `${Math.floor(100 * share)} %`
}
