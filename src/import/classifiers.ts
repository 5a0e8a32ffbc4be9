import { mkdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import {
  type Bundle,
  BundleError,
  CLASSIFIER_FILE,
  type ClassifierRecord,
  classifiersOf,
  DimensionMismatchError,
  forModels,
  hasPartner,
  layoutVersion,
  MANIFEST_FILE,
  type Manifest,
  ModelError,
  type ModelName,
  manifestText,
  openBundle,
  publishedLength,
  type SourceRecord,
} from '../bundle/index.ts'
import { encodeInline, readGraph } from '../onnx/index.ts'
import { syncFolder, writeAtomically } from '../system/atomic.ts'
import { UsageError } from '../system/errors.ts'
import { FileLock } from '../system/file-lock.ts'
import { beginFolder } from '../system/replace-folder.ts'
import { sha256, sha256File } from '../system/sha256.ts'
import { cannotWrite, unlessMissing } from '../system/system-error.ts'
import type { MlpShape } from './graphs/mlp.ts'
import { type OpenedModel, openMlp } from './open.ts'
import { PRODUCER } from './producer.ts'
import { recordSources, rememberSources } from './weights/provenance.ts'

/**
 * Files of classifiers: a pickled module, a state dict, or safetensors. One, or several by the length of the chunks that each
 * was made for, in bases; or a bundle, whose classifiers are taken as they are.
 */
export type ClassifierFiles = string | Readonly<Record<number, string>> | Bundle

/** A classifier that has been read and checked. */
export interface OpenedClassifier {
  readonly path: string
  /** Bases of the chunks that it was made for. Undefined: nobody has said it. */
  readonly chunkLength: number | undefined
  readonly model: OpenedModel<Pick<MlpShape, 'input' | 'hidden'>>
  /** What a bundle says that it was made from. */
  readonly source?: SourceRecord
}

/**
 * @param chunkLength of one alone, where its name does not say it
 * @throws ModelError when a file is not a classifier, or does not fit the language models; UsageError for lengths that are none
 */
export async function openClassifiers(
  files: ClassifierFiles,
  chunkLength: number | undefined,
  widths: Readonly<Record<ModelName, number>>,
  opened: AsyncDisposableStack,
): Promise<OpenedClassifier[]> {
  if (isBundle(files)) return await classifiersIn(files, widths)
  const classifiers: OpenedClassifier[] = []
  for (const [path, length] of namedLengths(files, chunkLength)) {
    const model = opened.use(await openMlp(path))
    requireWidth(widths, model.shape.input, path)
    classifiers.push({ path, chunkLength: length, model })
  }
  return classifiers
}

function isBundle(files: ClassifierFiles): files is Bundle {
  return typeof files === 'object' && 'manifest' in files
}

/** Those of a bundle: they are in FP32 in every one. */
async function classifiersIn(
  bundle: Bundle,
  widths: Readonly<Record<ModelName, number>>,
): Promise<OpenedClassifier[]> {
  const classifiers: OpenedClassifier[] = []
  for (const { graph, input, hidden, chunkLength, source } of classifiersOf(bundle.manifest)) {
    const path = bundle.pathOf(graph)
    requireWidth(widths, input, path)
    const content = await bundle.read(graph)
    const model = {
      shape: { input, hidden },
      graph: () => readGraph(content, path),
      files: [path],
      licence: source.licence,
      [Symbol.asyncDispose]: async () => {},
    }
    classifiers.push({ path, chunkLength, model, source })
  }
  return classifiers
}

function namedLengths(
  files: Exclude<ClassifierFiles, Bundle>,
  chunkLength: number | undefined,
): [path: string, length: number | undefined][] {
  if (typeof files === 'string') return [[files, chunkLength ?? publishedLength(files)]]
  const named = Object.entries(files).map(([length, path]): [string, number] => [path, Number(length)])
  if (named.length === 0) throw new UsageError('no classifier is named')
  if (chunkLength !== undefined) throw new UsageError('each of the classifiers has a chunk length already')
  for (const [path, length] of named) {
    if (!Number.isSafeInteger(length) || length < 1)
      throw new UsageError(`${path}: a chunk length is a whole number of bases from 1`)
  }
  return named
}

function requireWidth(widths: Readonly<Record<ModelName, number>>, input: number, path: string): void {
  const all = Object.values(widths).reduce((sum, width) => sum + width, 0)
  if (all !== input) throw new DimensionMismatchError(widths, input, path)
}

/** What a manifest says of a classifier, but for its graph. */
export async function describeClassifier(
  { chunkLength, model, source }: OpenedClassifier,
  graph: ClassifierRecord['graph'],
  signal?: AbortSignal,
): Promise<ClassifierRecord> {
  const { input, hidden } = model.shape
  return {
    kind: 'mlp',
    input,
    hidden,
    classes: ['others', 'virus'],
    ...(chunkLength !== undefined && { chunkLength }),
    graph,
    source: source ?? (await recordSources(model.files, model.licence, signal)),
  }
}

/** Folder of a classifier in a bundle: of the first, or of a further one. */
export function classifierPart(index: number, chunkLength: number | undefined): string {
  return index === 0 ? dirname(CLASSIFIER_FILE) : `mlp${chunkLength}`
}

/** The classifiers of a bundle, as its manifest lists them. */
export function listClassifiers([mlp, ...more]: readonly ClassifierRecord[]) {
  return { mlp: mlp!, ...(more.length > 0 && { classifiers: more }) }
}

/** What is added to a bundle. */
export interface AddOptions {
  /** Folder of the bundle. */
  readonly bundle: string
  readonly mlp: ClassifierFiles
  /** Take the place of a classifier for the same chunk length. @default false */
  readonly force?: boolean
  /** Is given words about what is being done. */
  readonly onProgress?: (message: string) => void
  readonly signal?: AbortSignal
}

/**
 * Adds classifiers to a bundle in place: the language models are neither read nor written. The manifest is replaced as a
 * whole, so that a run finds either the old bundle or the new one. A classifier that is there already is not added again. Of
 * two processes that add to one bundle the second waits for the first.
 *
 * @throws ModelError when a file is not a classifier, does not fit the bundle, has no known chunk length, or when another one
 * is there for that length; BundleError when the bundle is damaged; WriteError
 */
export async function addClassifiers({ bundle: name, mlp, ...options }: AddOptions): Promise<Bundle> {
  const folder = resolve(name)
  await using opened = new AsyncDisposableStack()
  const { models } = (await openBundle(folder, options.signal)).manifest
  const widths = forModels((model) => models[model].dimension)
  const classifiers = await openClassifiers(mlp, undefined, widths, opened)
  const unchanged = await rememberSources(classifiers.flatMap(({ model }) => model.files))
  const made: Made[] = []
  for (const classifier of classifiers) {
    const bytes = await encodeInline(classifier.model.graph(), { producer: PRODUCER })
    const graph = { path: CLASSIFIER_FILE, bytes: bytes.length, sha256: sha256(bytes) }
    made.push({ ...(await describeClassifier(classifier, graph, options.signal)), content: bytes })
  }
  await unchanged()
  await using lock = await FileLock.wait(`${folder}.lock`, {
    signal: options.signal,
    onWait: (owner) => options.onProgress?.(`waiting for ${owner}, which changes the same bundle`),
  })
  const bundle = await openBundle(folder, options.signal)
  const change = changeOf(bundle, made, options.force ?? false)
  if (change === undefined) return bundle
  await lock.check()
  await carryOut(bundle, change)
  return await openBundle(folder, options.signal)
}

type Made = ClassifierRecord & { readonly content: Uint8Array }

/** What is to be done to a bundle. */
interface Change {
  readonly manifest: Manifest
  /** Files to write, by their path in the bundle. */
  readonly files: ReadonlyMap<string, Uint8Array>
  /** Files that no classifier has any more. */
  readonly superseded: readonly string[]
}

/** @returns undefined where nothing changes */
function changeOf(bundle: Bundle, made: readonly Made[], force: boolean): Change | undefined {
  const { manifest, folder } = bundle
  const all = classifiersOf(manifest)
  requireLengths(folder, [...all, ...made])
  const files = new Map<string, Uint8Array>()
  const superseded: string[] = []
  for (const { content, ...classifier } of made) {
    const { chunkLength, graph } = classifier
    const at = all.findIndex((each) => each.chunkLength === chunkLength)
    const old = all[at]
    if (old?.graph.sha256 === graph.sha256) continue
    if (old !== undefined && !force) throw taken(folder, old)
    const path = `${classifierPart(1, chunkLength)}/model_${graph.sha256.slice(0, 16)}.onnx`
    files.set(path, content)
    if (old !== undefined) superseded.push(old.graph.path)
    all.splice(at < 0 ? all.length : at, 1, { ...classifier, graph: { ...graph, path } })
  }
  if (files.size === 0) return undefined
  const models = { ...manifest.models, ...listClassifiers(all) }
  return {
    manifest: { ...manifest, version: layoutVersion(all.length, hasPartner(manifest)), models },
    files,
    superseded,
  }
}

/** @throws ModelError for one without */
function requireLengths(folder: string, classifiers: readonly ClassifierRecord[]): void {
  const unknown = classifiers.find(({ chunkLength }) => chunkLength === undefined)
  if (unknown === undefined) return
  throw new ModelError(
    `${folder} can have several classifiers only where the chunk length of each is known, and that of ` +
      `${namesOf(unknown)} is not`,
    { detail: { code: 'classifier-length', data: {} } },
  )
}

function namesOf({ source: { files } }: ClassifierRecord): string {
  return files.map(({ name }) => name).join(', ')
}

/** New files first, then the manifest that names them, then those that it names no longer: at any moment the bundle is whole. */
async function carryOut({ folder }: Bundle, change: Change): Promise<void> {
  // Beside the bundle, in which a call that is killed leaves nothing unfinished.
  const unfinished = await beginFolder(folder).catch(cannotWrite(folder))
  const appear = async (path: string, content: Uint8Array | string) => {
    const [from, to] = [join(unfinished, basename(path)), join(folder, path)]
    await writeAtomically(from, content)
    await rename(from, to).catch(cannotWrite(to))
    await syncFolder(dirname(to))
  }
  try {
    for (const [path, content] of change.files) {
      const place = dirname(join(folder, path))
      await mkdir(place, { recursive: true }).catch(cannotWrite(place))
      const there = await sha256File(join(folder, path)).catch(unlessMissing(join(folder, path)))
      if (there === undefined) await appear(path, content)
      // Named after its content: a call that was killed has left it.
      else if (there !== sha256(content)) throw inTheWay(folder, path)
    }
    await appear(MANIFEST_FILE, manifestText(change.manifest))
  } finally {
    await rm(unfinished, { recursive: true, force: true }).catch(() => {})
  }
  for (const path of change.superseded) await rm(join(folder, path), { force: true }).catch(() => {})
}

function inTheWay(folder: string, path: string): BundleError {
  return new BundleError(
    folder,
    `${join(folder, path)} is no file of the bundle and in the way: move it away`,
    {
      kind: 'cannotCreate',
    },
  )
}

function taken(folder: string, other: ClassifierRecord): ModelError {
  return new ModelError(
    `${folder} has another classifier for chunks of ${other.chunkLength} bases: ${namesOf(other)}`,
    { kind: 'cannotCreate', detail: { code: 'classifier-taken', data: {} } },
  )
}

/** A classifier file made ready for one run. */
export interface ImportedClassifier {
  /** Content of its graph, with the weights. */
  graph: Uint8Array
  /** Numbers that it classifies. */
  input: number
  /** Of the graph: equal for equal classifiers. */
  sha256: string
  /** The file itself. */
  source: SourceRecord
}

/**
 * Turns a classifier file of the original into a graph for one run, as its command line names the file each time.
 *
 * @throws ModelError when the file is not a classifier, or is written to while it is read
 */
export async function importClassifier(path: string): Promise<ImportedClassifier> {
  await using model = await openMlp(path)
  const unchanged = await rememberSources(model.files)
  const graph = await encodeInline(model.graph(), { producer: PRODUCER })
  const source = await recordSources(model.files, model.licence)
  await unchanged()
  return { graph, input: model.shape.input, sha256: sha256(graph), source }
}
