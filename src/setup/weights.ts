import { stat } from 'node:fs/promises'
import { resolve, sep } from 'node:path'
import {
  type Bundle,
  eachModel,
  forModels,
  MODEL_NAMES,
  MODELS,
  type ModelName,
  type SourceRecord,
} from '../bundle/index.ts'
import { type HomeRecord, homePlace } from '../home/index.ts'
import { findPulled, type Pullable, pullable } from '../pull/index.ts'
import type { ModelSize } from '../server/deploy/index.ts'
import type { SetupOptions } from './options.ts'

/** The weight files, and what is known of their content. */
export interface Weights {
  /** File or folder of each language model; undefined until it is downloaded. */
  readonly paths: Readonly<Record<ModelName, string | undefined>>
  /** Published classifiers that are on this machine, by chunk length. */
  readonly classifiers: Readonly<Record<number, string>>
  /** Sources of the wanted bundle; undefined until they are downloaded. */
  readonly sources: Readonly<Record<ModelName, SourceRecord>> | undefined
  /** Dimensions, those of the published models for weights that are not downloaded yet. */
  readonly sizes: Readonly<Record<ModelName, ModelSize>>
  /** Published weights that are not on this machine. */
  readonly missing: { readonly models: readonly Pullable[]; readonly classifiers: readonly Pullable[] }
}

/** The models that the published classifiers belong to. */
const PUBLISHED: Readonly<Record<ModelName, { name: string; size: ModelSize }>> = {
  esm2: { name: 'esm2', size: { layers: 36, width: 2560, hidden: 10_240 } },
  dnabert_s: { name: 'dnabert_s', size: { layers: 12, width: 768, hidden: 3072 } },
}

const LENGTHS = [300, 500] as const

interface Found {
  readonly path?: string
  readonly facts?: ModelSize & { readonly source: SourceRecord }
  readonly missing?: Pullable
}

/**
 * The named weights, else those that the default bundle was made from, damaged or not, else those pulled before.
 *
 * @throws ModelError for weights that are not those of their model
 */
export async function findWeights(
  options: SetupOptions,
  record: HomeRecord,
  before: Bundle | undefined,
): Promise<Weights> {
  const models = await eachModel((name) => findModel(name, options, record, before))
  const classifiers: Record<number, string> = {}
  const missing: Pullable[] = []
  for (const length of LENGTHS) {
    const model = pullable(String(length))!
    const path = await findPulled(model, homePlace('weights'))
    if (path === undefined) missing.push(model)
    else classifiers[length] = path
  }
  const isKnown = MODEL_NAMES.every((name) => models[name].facts !== undefined)
  return {
    paths: forModels((name) => models[name].path),
    classifiers,
    sources: isKnown ? forModels((name) => models[name].facts!.source) : undefined,
    sizes: forModels((name) => models[name].facts ?? PUBLISHED[name].size),
    missing: {
      models: MODEL_NAMES.flatMap((name) => models[name].missing ?? []),
      classifiers: missing,
    },
  }
}

async function findModel(
  name: ModelName,
  options: SetupOptions,
  { sources }: HomeRecord,
  before: Bundle | undefined,
): Promise<Found> {
  const short = MODELS[name].short
  const given = options[short]
  if (given !== undefined) return await described(name, resolve(given), options)
  const known = before?.manifest.models[name]
  const kept = sources?.[short]
  const found = async (path: string) =>
    known === undefined ? await described(name, path, options) : { path, facts: known }
  if (kept !== undefined && (await exists(kept))) return await found(kept)
  // A user's own weights that are gone cannot be found elsewhere.
  const isOwn = kept !== undefined && !kept.startsWith(homePlace('weights') + sep)
  const model = pullable(PUBLISHED[name].name)!
  const path = isOwn && known === undefined ? undefined : await findPulled(model, homePlace('weights'))
  if (path !== undefined) return await found(path)
  return { ...(known && { facts: known }), ...(!isOwn && { missing: model }) }
}

async function described(name: ModelName, path: string, { signal }: SetupOptions): Promise<Found> {
  const { describeWeights } = await import('../import/index.ts')
  return { path, facts: await describeWeights(name, path, signal) }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}
