import { cpus } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { forModels, type Manifest, MODEL_NAMES, type ModelName, modelDigest } from '../bundle/index.ts'
import { readablePlaces, withHomeLock, writablePlace } from '../home/index.ts'
import { writeAtomically } from '../system/atomic.ts'
import { threadsToStart } from '../system/cores.ts'
import { parseJson } from '../system/json.ts'
import { readText } from '../system/read-within.ts'
import { sha256 } from '../system/sha256.ts'
import { operationsPerToken } from './model-cost.ts'

/** Padded tokens per second of each model, while it computes alone. */
export type TokensPerSecond = Readonly<Record<ModelName, number>>

const speed = v.pipe(v.number(), v.finite(), v.gtValue(0))

const SpeedSchema = v.object({
  /** Of both models: see {@link modelsKey}. */
  models: v.string(),
  /** Name of the GPU or processor. */
  device: v.string(),
  /** Of a processor. */
  threads: v.exactOptional(v.pipe(v.number(), v.safeInteger(), v.minValue(1))),
  /** `run`: a whole run; `probe`: some batches. */
  source: v.picklist(['run', 'probe']),
  /** Of one device. */
  tokensPerSecond: v.object(forModels(() => speed)),
  /** How long it was measured. */
  seconds: v.pipe(v.number(), v.minValue(0)),
  /** ISO 8601, UTC. */
  at: v.pipe(v.string(), v.isoTimestamp()),
})
/** How fast one device has computed the models of a bundle. @interface */
export type Speed = v.InferOutput<typeof SpeedSchema>

const FORMAT = 'virnucpro-speeds'
const SpeedsSchema = v.object({
  format: v.literal(FORMAT),
  version: v.literal(1),
  speeds: v.array(SpeedSchema),
})

/** In the cache of the home. */
const SPEEDS_FILE = 'speeds.json'
/** Speeds that are kept of the same models on the same device. */
const KEPT = 5
/** The last ones decide. */
const RECENT = 3

/** What a speed is of. */
export type SpeedOf = Pick<Speed, 'models' | 'device' | 'threads'>

/** Identity of what both models compute, for {@link Speed}. */
export function modelsKey(digests: Readonly<Record<ModelName, string>>): string {
  return sha256(MODEL_NAMES.map((model) => digests[model]).join('\n'))
}

/** The same of a bundle. */
export function modelsOf(manifest: Manifest): string {
  return modelsKey(forModels((model) => modelDigest(manifest, model)))
}

/** The processor of this machine, as speeds name it. */
export function processorName(): string {
  return cpus()[0]?.model.trim() || 'processor'
}

/** Everything that was measured here. A file that cannot be read is one without speeds. */
export async function readSpeeds(): Promise<Speed[]> {
  const found = await Promise.all(
    readablePlaces('cache').map((place) => readSpeedsAt(join(place, SPEEDS_FILE))),
  )
  return found.flat()
}

async function readSpeedsAt(path: string): Promise<Speed[]> {
  try {
    const found = v.safeParse(SpeedsSchema, parseJson(await readText(path)))
    return found.success ? found.output.speeds : []
  } catch {
    // It is made again by later runs.
    return []
  }
}

/** Another process that writes has the file for some milliseconds; a speed is not worth a longer wait. */
const LOCK_MS = 3000

/** Adds what was measured; older speeds of the same go. @throws WriteError */
export async function rememberSpeed(measured: Speed): Promise<void> {
  const path = join(await writablePlace('cache'), SPEEDS_FILE)
  const signal = AbortSignal.timeout(LOCK_MS)
  const write = async () => {
    const known = await readSpeedsAt(path)
    const same = [...known.filter((each) => isOf(each, measured)), measured]
    const kept = [
      ...known.filter((each) => !isOf(each, measured)),
      ...same.filter(({ source }) => source === 'run').slice(-KEPT),
      ...same.filter(({ source }) => source === 'probe').slice(-1),
    ]
    const content = { format: FORMAT, version: 1, speeds: kept }
    await writeAtomically(path, `${JSON.stringify(content, null, 2)}\n`)
  }
  await withHomeLock('speeds', write, { signal }).catch((error) => {
    if (!signal.aborted) throw error
  })
}

function isOf(each: SpeedOf, of: SpeedOf): boolean {
  return each.models === of.models && each.device === of.device && each.threads === of.threads
}

/** What is known of the speed of some models on a device: that of the last runs, else that of the last measurement. */
export function knownSpeed(speeds: readonly Speed[], of: SpeedOf): Speed | undefined {
  const same = speeds.filter((each) => isOf(each, of)).toSorted((a, b) => a.at.localeCompare(b.at))
  const runs = same.filter(({ source }) => source === 'run').slice(-RECENT)
  const last = runs.at(-1)
  if (last === undefined) return same.at(-1)
  const tokensPerSecond = forModels((model) => median(runs.map((run) => run.tokensPerSecond[model])))
  return { ...last, tokensPerSecond }
}

/** A run, as far as its speed goes. */
export interface MeasuredRun {
  readonly of: SpeedOf
  /** Devices of this kind that computed. */
  readonly devices: number
  readonly manifest: Manifest
  /** What was computed, by this process. */
  readonly models: Readonly<
    Record<ModelName, Readonly<{ sequences: number; tokens: number; paddedTokens: number }>>
  >
  /** From the first batch to the end of the last. */
  readonly seconds: number
  /** The part of these in which the program itself was at work. */
  readonly programSeconds: number
}

/** A shorter run says more about the machine's other work. */
const LEAST_SECONDS = 30

/** Whether a run that has computed for so long says how fast its devices are. */
export function tellsSpeed(seconds: number): boolean {
  return seconds >= LEAST_SECONDS
}

/** Keeps the speed of a run, for estimates of later ones. @throws WriteError */
export async function rememberRun(run: MeasuredRun): Promise<void> {
  const { of, devices, manifest, models, seconds, programSeconds } = run
  const operations = forModels((model) => {
    const { tokens, sequences } = models[model]
    return operationsPerToken(model, manifest.models[model], tokens / Math.max(1, sequences))
  })
  const all = MODEL_NAMES.reduce((sum, model) => sum + models[model].paddedTokens * operations[model], 0)
  const spent = Math.max(seconds - programSeconds, seconds / 2)
  if (all === 0) return
  // Both models share the devices: each has had its share of the time by the operations it needs.
  const perSecond = all / (spent * devices)
  await rememberSpeed({
    ...of,
    source: 'run',
    tokensPerSecond: forModels((model) => Number((perSecond / operations[model]).toPrecision(6))),
    seconds: Math.round(seconds),
    at: new Date().toISOString(),
  })
}

/** What is known of the speed of a bundle's models in this process. */
export async function speedHere(
  manifest: Manifest,
  threads: number | undefined,
): Promise<TokensPerSecond | undefined> {
  const of = { models: modelsOf(manifest), device: processorName(), threads: threadsToStart(threads) }
  return knownSpeed(await readSpeeds(), of)?.tokensPerSecond
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[(sorted.length - 1) >> 1]!
}
