import { lstat, readdir, rm, rmdir } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import {
  BundleError,
  classifiersOf,
  MANIFEST_FILE,
  type Manifest,
  MODEL_NAMES,
  ownsBundleFile,
  type SourceRecord,
} from '../bundle/index.ts'
import { bytesBelow } from '../system/disk-usage.ts'
import { isUnfinishedName, removeFolder, strangersIn } from '../system/replace-folder.ts'
import { cannotWrite } from '../system/system-error.ts'
import { forgetBundle } from './default.ts'
import { HomeError } from './errors.ts'
import { type HomeBundle, listBundles, MADE_OF_BUNDLES, type MadeOfBundles, rootsOf } from './inventory.ts'
import { leaseHolders } from './leases.ts'
import { withHomeLock } from './lock.ts'
import { bundleLock, type Environment, homePlace, requireWritableHome } from './places.ts'
import { changeHome } from './record.ts'

/** Something of the home that can be removed. */
export interface Removable {
  /** Description for people. */
  readonly what: string
  readonly path: string
  readonly bytes: number
}

/** Whether a file, by its path below a folder with slashes, was made by this program. */
export type OwnsFile = (folder: string) => Promise<(name: string) => boolean>

/**
 * How files of this program are known from others in plans and repositories, which this room knows nothing of; both are by the
 * folder of one version of TensorRT.
 */
export type Owners = Readonly<Record<'plans' | 'repositories', OwnsFile>> & {
  /** Whether a folder or file is a server that this program has put there. */
  isServer(path: string): Promise<boolean>
}

/** Folders between the name of a bundle and one thing that was made of it: its form, and a version of TensorRT. */
const DEPTH: Readonly<Record<MadeOfBundles, number>> = { derived: 1, plans: 2, repositories: 2 }

/** Everything that is removed with a bundle: what was made from it and, with `weights`, the files in the home that it was made from. */
export async function removalOf(
  id: string,
  options: { weights: boolean; environment?: Environment | undefined },
): Promise<Removable[]> {
  const { weights, environment } = options
  const all = await listBundles(environment)
  const bundle = all.find((each) => each.id === id)
  const folder = join(homePlace('bundles', environment), id)
  return [
    { what: 'the bundle', path: folder, bytes: bundle?.bytes ?? 0 },
    ...(await madeOf(id, environment)),
    ...(weights && bundle !== undefined ? await weightsOf(bundle, all, environment) : []),
  ]
}

/** Everything made from a bundle, which need not exist any more. */
export async function madeOf(id: string, environment?: Environment): Promise<Removable[]> {
  const found: Removable[] = []
  for (const place of MADE_OF_BUNDLES)
    for (const root of rootsOf(place, environment)) {
      const path = join(root, id)
      if (!(await isFolder(path))) continue
      found.push({ what: NAMES[place], path, bytes: await bytesBelow(path) })
    }
  return found
}

const NAMES: Readonly<Record<MadeOfBundles, string>> = {
  derived: 'the same models in other precisions',
  plans: 'TensorRT plans',
  repositories: 'model repositories',
}

async function isFolder(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined))?.isDirectory() === true
}

/** Weight files of the home that a bundle was made from and no other one was, by name and size. */
async function weightsOf(
  { id, manifest }: HomeBundle,
  all: readonly HomeBundle[],
  environment: Environment | undefined,
): Promise<Removable[]> {
  if (manifest === undefined) return []
  const others = all.filter((each) => each.id !== id).flatMap((each) => each.manifest ?? [])
  const needed = new Set(others.flatMap(sourcesOf).flatMap(({ files }) => files.map(({ sha256 }) => sha256)))
  const place = homePlace('weights', environment)
  const folders = [place, ...(await readdir(place).catch(() => [])).map((name) => join(place, name))]
  const found: Removable[] = []
  for (const { files } of sourcesOf(manifest)) {
    if (files.some(({ sha256 }) => needed.has(sha256))) continue
    for (const folder of folders) {
      const paths = files.map(({ name }) => join(folder, name))
      const sizes = await Promise.all(paths.map((path) => lstat(path).catch(() => undefined)))
      if (!files.every(({ bytes }, i) => sizes[i]?.isFile() === true && sizes[i].size === bytes)) continue
      found.push(...files.map(({ bytes }, i) => ({ what: 'weights', path: paths[i]!, bytes })))
    }
  }
  return found
}

function sourcesOf(manifest: Manifest): SourceRecord[] {
  return [...MODEL_NAMES.map((name) => manifest.models[name]), ...classifiersOf(manifest)].map(
    ({ source }) => source,
  )
}

/**
 * Removes a bundle of the home and everything made from it. Keeps a bundle that is in use, or that holds files which this
 * program has not made.
 *
 * @returns what was removed
 * @throws HomeError naming who uses it, or what is in the way; WriteError
 */
export async function removeBundle(
  id: string,
  options: {
    weights: boolean
    owners: Owners
    signal?: AbortSignal | undefined
    onWait?: ((owner: string) => void) | undefined
    environment?: Environment | undefined
  },
): Promise<Removable[]> {
  const { owners, environment } = options
  await requireWritableHome(environment)
  return await withHomeLock(
    bundleLock(id),
    async (signal) => {
      const all = await removalOf(id, options)
      for (const { path } of all) await requireOurs(path, owners, environment)
      await requireUnused(id, `the bundle ${id}`, environment)
      await changeHome((record) => forgetBundle(record, id), environment)
      for (const { path } of all) {
        signal.throwIfAborted()
        await removeOne(path)
      }
      return all
    },
    options,
  )
}

/** @throws HomeError naming the processes that use something of the home */
export async function requireUnused(subject: string, what: string, environment?: Environment): Promise<void> {
  const [first, ...more] = await leaseHolders(subject, environment)
  if (first === undefined) return
  const others = more.length === 0 ? '' : ` (and ${more.length} more)`
  throw new HomeError(subject, `${what} is in use, by ${first}${others}`, {
    kind: 'tryAgain',
    detail: { code: 'in-use', data: {} },
  })
}

/** Removes a folder, or a file of weights with the folder that it was alone in. */
export async function removeOne(path: string): Promise<void> {
  if (await isFolder(path)) return await removeFolder(path).catch(cannotWrite(path))
  await rm(path, { force: true }).catch(cannotWrite(path))
  // Of a model in several files; the folder of all weights stays as long as something is in it.
  await rmdir(join(path, '..')).catch(() => {})
}

/** @throws HomeError naming files that no part of this program has made */
export async function requireOurs(path: string, owners: Owners, environment?: Environment): Promise<void> {
  const strangers = await foreignFilesIn(path, owners, environment)
  if (strangers === undefined) return
  throw new HomeError(
    path,
    `${path} also holds files that are not of this program, and they are not removed: ${strangers}. Move them away. Nothing was changed`,
    { kind: 'cannotCreate' },
  )
}

/** Names of files below a folder of the home that this program has not made; undefined where there are none. */
export async function foreignFilesIn(
  path: string,
  owners: Owners,
  environment?: Environment,
): Promise<string | undefined> {
  if (!(await isFolder(path))) return undefined
  const isOurs = await ownsBelow(path, owners, environment)
  return await strangersIn(path, (name) => isOurs(name) || name.split('/').some(isUnfinishedName))
}

/** What is made of a bundle lies some folders below its name; a file between these is nobody's. */
async function ownsBelow(
  path: string,
  owners: Owners,
  environment: Environment | undefined,
): Promise<(name: string) => boolean> {
  for (const place of MADE_OF_BUNDLES)
    for (const root of rootsOf(place, environment)) {
      const [first, ...below] = relative(root, path).split(sep)
      if (first === '..') continue
      const depth = Math.max(0, DEPTH[place] - below.length)
      return await treeOwns(path, depth, place === 'derived' ? bundleOwns : owners[place])
    }
  return await bundleOwns(path)
}

async function treeOwns(path: string, depth: number, own: OwnsFile): Promise<(name: string) => boolean> {
  const known = new Map<string, (name: string) => boolean>()
  // Without a readable list of files, none counts as made by this program.
  const none = () => () => false
  for (const folder of await foldersBelow(path, depth))
    known.set(folder, await own(join(path, folder)).catch(none))
  return (name) => {
    const parts = name.split('/')
    return known.get(parts.slice(0, depth).join('/'))?.(parts.slice(depth).join('/')) === true
  }
}

async function foldersBelow(path: string, depth: number): Promise<string[]> {
  if (depth === 0) return ['']
  const names = await readdir(path, { withFileTypes: true })
  const found: string[] = []
  for (const { name } of names.filter((entry) => entry.isDirectory()))
    for (const below of await foldersBelow(join(path, name), depth - 1))
      found.push(below === '' ? name : `${name}/${below}`)
  return found
}

/** Files of a bundle; those of one whose manifest is damaged are known by their names. */
async function bundleOwns(folder: string): Promise<(name: string) => boolean> {
  return await ownsBundleFile(folder).catch((error: unknown) => {
    if (!(error instanceof BundleError)) throw error
    return (name: string) => name === MANIFEST_FILE || USUAL.test(name)
  })
}

const USUAL = /^(esm2|dnabert_s|mlp\d*)\/(model\.onnx|weights\.bin|tokenizer\.json|calibration\.json)$/
