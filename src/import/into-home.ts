import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import {
  type Bundle,
  backbonesId,
  classifiersOf,
  eachModel,
  esm2Size,
  type Manifest,
  MODELS,
  ModelError,
  type ModelName,
  openBundle,
  partnerOf,
  publishedLength,
} from '../bundle/index.ts'
import {
  bundleLock,
  changeHome,
  chooseDefault,
  homePlace,
  requireUnused,
  requireWritableHome,
  withHomeLock,
} from '../home/index.ts'
import { removeFolder } from '../system/replace-folder.ts'
import { sha256File } from '../system/sha256.ts'
import { addClassifiers } from './classifiers.ts'
import { type ImportOptions, importModels, openModels } from './import.ts'
import { chosenPartner } from './quantize/partner.ts'
import { recordSources } from './weights/provenance.ts'

/** What a bundle of the home is made from. Its folder and its name follow from that. */
export type HomeImportOptions = Omit<ImportOptions, 'output' | 'name'> & {
  /** Make it the default bundle, which it also becomes where there is none. @default false */
  readonly makeDefault?: boolean
}

/** What an import into the home has come to. */
export interface HomeImport {
  readonly bundle: Bundle
  /** Its name in the home. */
  readonly id: string
  /** Whether the language models were imported, classifiers were added to them, or all was there. */
  readonly what: 'made' | 'added' | 'there'
  readonly isDefault: boolean
  /** What the one that is there was calibrated with, where something else was named. */
  readonly otherCalibration?: string
}

/**
 * Makes a bundle in the home. Language models that are there already are not imported once more, unless `force` says so: then only
 * classifiers that they lack are added. Of two processes that make the same bundle the second waits, and finds it there.
 *
 * The default bundle's weight files are remembered, so that it can be made in other precisions.
 *
 * @throws HomeError when this user cannot write to the home, or what is to be replaced is in use, and all that `importModels` and `addClassifiers` throw
 */
export async function importIntoHome(options: HomeImportOptions): Promise<HomeImport> {
  const { force = false, makeDefault = false, signal, onProgress } = options
  await requireWritableHome()
  const { id, name } = await identify(options)
  const made = await withHomeLock(
    bundleLock(id),
    (whileHeld) => makeOrAdd(id, name, { ...options, force, signal: whileHeld } as HomeImportOptions),
    {
      signal,
      onWait: (owner) => onProgress?.(`waiting for ${owner}, which makes the same bundle`),
    },
  )
  const isDefault = await record(id, options, makeDefault)
  return { ...made, id, isDefault }
}

/** Reads all of the weights, for their checksums; before, everything is opened and compared, the classifiers included. */
async function identify(options: HomeImportOptions): Promise<{ id: string; name: string }> {
  const { precision = 'fp32', attention, recheck, signal, onProgress } = options
  const partner = chosenPartner(precision, recheck)
  await using opened = new AsyncDisposableStack()
  const { language } = await openModels(options as ImportOptions, opened)
  onProgress?.('reading the weights, for their checksums')
  const models = await eachModel(async (name) => {
    const { files, licence } = language[name]
    const source = await recordSources(files, licence, signal)
    const hasOne = partner !== undefined && partnerOf(name) !== undefined
    return { source, ...(hasOne && { recheck: { precision: partner } }) }
  })
  const { layers, width, heads } = language.esm2.shape
  return {
    id: backbonesId({ precision, ...(attention === 'fused' && { attention }), models }),
    // For reports: `esm2-3B`, or `esm2-2-layers-of-24`.
    name: `esm2-${esm2Size({ layers, width, heads }).replaceAll(' ', '-')}`,
  }
}

function pathOf(options: HomeImportOptions, name: ModelName): string {
  return resolve(options[MODELS[name].short])
}

async function makeOrAdd(
  id: string,
  name: string,
  options: HomeImportOptions,
): Promise<Pick<HomeImport, 'bundle' | 'what' | 'otherCalibration'>> {
  const folder = join(homePlace('bundles'), id)
  const { makeDefault: _, ...how } = options
  const names = await readdir(folder).catch(() => [])
  if (options.force || names.length === 0) {
    if (names.length > 0) await requireUnused(id, `the bundle ${id}`)
    const bundle = await importModels({ ...how, name, output: folder } as ImportOptions)
    if (backbonesId(bundle.manifest) === id) return { bundle, what: 'made' }
    await removeFolder(folder)
    throw new ModelError('the weights were changed while they were read. Start the same import again.')
  }
  const bundle = await openBundle(folder, options.signal)
  const otherCalibration = await calibratedOtherwise(bundle.manifest, options)
  const missing = await missingClassifiers(bundle, options)
  if (missing === undefined) return { bundle, what: 'there', ...otherCalibration }
  const { signal, onProgress } = options
  const added = await addClassifiers({
    bundle: folder,
    mlp: missing,
    ...(onProgress && { onProgress }),
    ...(signal && { signal }),
  })
  return { bundle: added, what: 'added', ...otherCalibration }
}

/** The classifiers that a bundle has not got for their chunk lengths; undefined where it has them all. */
async function missingClassifiers(
  { manifest }: Bundle,
  { mlp, chunkLength, signal }: HomeImportOptions,
): Promise<ImportOptions['mlp'] | undefined> {
  if (typeof mlp === 'object' && 'manifest' in mlp) return undefined
  const named: [number | undefined, string][] =
    typeof mlp === 'string'
      ? [[chunkLength ?? publishedLength(mlp), mlp]]
      : Object.entries(mlp).map(([length, path]) => [Number(length), path])
  const missing: typeof named = []
  for (const [length, path] of named) {
    const digest = await sha256File(path, signal)
    const isThere = classifiersOf(manifest).some(
      (each) => each.chunkLength === length && each.source.files.some(({ sha256 }) => sha256 === digest),
    )
    if (!isThere) missing.push([length, path])
  }
  const [first] = missing
  if (first === undefined) return undefined
  return first[0] === undefined ? first[1] : Object.fromEntries(missing)
}

/** What a bundle was calibrated with, where that is not what is named now. */
async function calibratedOtherwise(
  manifest: Manifest,
  options: HomeImportOptions,
): Promise<Pick<HomeImport, 'otherCalibration'>> {
  const { calibrate: wanted } = options as { calibrate?: string | false }
  if (wanted === undefined) return {}
  const input = manifest[manifest.precision]?.input
  if (wanted === false) return input === undefined ? {} : { otherCalibration: input.name }
  const isSame = input !== undefined && (await sha256File(wanted, options.signal)) === input.sha256
  // FP8 does not say what it was calibrated with.
  if (isSame || manifest.precision === 'fp8') return {}
  return { otherCalibration: input?.name ?? 'nothing' }
}

/** @returns whether the bundle is the default one now */
async function record(id: string, options: HomeImportOptions, makeDefault: boolean): Promise<boolean> {
  const sources = { esm: pathOf(options, 'esm2'), dnabert: pathOf(options, 'dnabert_s') }
  const changed = await changeHome((old) => {
    const known = { ...old, imports: { ...old.imports, [id]: sources } }
    const isChosen = makeDefault || old.bundle === undefined || old.bundle === id
    return isChosen ? chooseDefault(known, id) : known
  })
  return changed.bundle === id
}
