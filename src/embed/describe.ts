import { version } from '../../package.json' with { type: 'json' }
import { type Manifest, type ModelName, modelDigest } from '../bundle/index.ts'
import { RUN_FORMAT, type RunManifest } from '../checkpoint/index.ts'
import type { LanguageModels, RunInputs } from '../predict/index.ts'
import { UsageError } from '../system/errors.ts'
import { alphabetOf, lengthLimit } from './choice.ts'
import type { EmbedFileOptions, EmbedRun } from './context.ts'
import type { UnitOptions } from './units.ts'

/** How records become what is embedded. @throws UsageError for a length that does not go with the rest */
export function unitOptions(
  { of, expectedLength, maxAmbiguous, maxLength }: EmbedFileOptions,
  [name = 'dnabert_s']: readonly ModelName[],
  manifest: Manifest,
): UnitOptions {
  if (of !== 'records' && maxLength !== undefined)
    throw new UsageError(`a greatest length is for whole records, and ${of} are embedded`, {
      detail: { code: 'embedding-clash', data: {} },
    })
  const alphabet = of === 'records' ? alphabetOf(name) : 'dna'
  if (alphabet === 'protein' && (maxAmbiguous ?? 1) < 1)
    throw new UsageError('ambiguous letters are those of DNA, and proteins are embedded', {
      detail: { code: 'embedding-clash', data: {} },
    })
  return {
    of,
    chunkLength: expectedLength,
    alphabet,
    maxLength: lengthLimit(name, maxLength, manifest.models[name].maxResidues),
  }
}

interface Described {
  names: readonly ModelName[]
  units: UnitOptions
  models: LanguageModels
  inputs: RunInputs
}

/** What decides whether an interrupted run may be continued. */
export function describeRun(
  options: EmbedFileOptions,
  { names, units, models, inputs }: Described,
): RunManifest {
  const { of, onInvalid, duplicateIds, tooLong, minLength = 0, maxAmbiguous = 1 } = options
  const how =
    of === 'records'
      ? { alphabet: units.alphabet, maxLength: units.maxLength, tooLong }
      : { chunkLength: units.chunkLength }
  return {
    format: RUN_FORMAT,
    version,
    status: 'unfinished',
    inputs: [...inputs.described],
    settings: {
      embeddings: of,
      models: names.join(', '),
      ...how,
      onInvalid,
      duplicateIds,
      minLength,
      maxAmbiguous,
    },
    models: identityOf(models, names),
  }
}

/** Changes when anything does that changes the numbers. */
function identityOf({ manifest, foreign }: LanguageModels, names: readonly ModelName[]): string {
  const own = names.map((name) => {
    const { tokenizer } = manifest.models[name]
    return [name, modelDigest(manifest, name), tokenizer?.sha256 ?? ''].join(' ').trimEnd()
  })
  return [...own, ...foreign.filter((what) => names.some((name) => what.startsWith(`${name} `)))].join(', ')
}

/** What made the file, for whoever finds it. */
export function metadataOf({
  models: { manifest, name, stamp },
  names,
  units,
}: EmbedRun): Record<string, string> {
  const { chunkLength, maxLength, of } = units
  const said = {
    version,
    of,
    ...(of === 'records' ? { max_length: String(maxLength) } : { chunk_length: String(chunkLength) }),
    bundle: name,
    precision: manifest.precision,
    ...Object.fromEntries(names.map((model) => [model, modelDigest(manifest, model)])),
    ...(stamp !== undefined && { demonstration: stamp }),
  }
  return Object.fromEntries(Object.entries(said).map(([key, value]) => [`virnucpro.${key}`, value]))
}
