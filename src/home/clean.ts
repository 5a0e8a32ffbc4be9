import { readdir, rm } from 'node:fs/promises'
import { basename, join, sep } from 'node:path'
import { bytesBelow } from '../system/disk-usage.ts'
import { VirnucproError } from '../system/errors.ts'
import { FileLock } from '../system/file-lock.ts'
import { isLeftover, isUnfinishedName, removeUnfinished } from '../system/replace-folder.ts'
import { cannotWrite } from '../system/system-error.ts'
import { bundleIds, isBundleId } from './bundles.ts'
import { listBundles, MADE_OF_BUNDLES } from './inventory.ts'
import { locksFolder } from './leases.ts'
import { withHomeLock } from './lock.ts'
import {
  bundleLock,
  type Environment,
  PLACE_NAMES,
  type Place,
  serverLock,
  writableFolder,
} from './places.ts'
import { readHome, type ServerChoice } from './record.ts'
import { madeOf, type Owners, type Removable, removeOne, requireOurs, requireUnused } from './remove.ts'

export interface CleanOptions {
  readonly owners: Owners
  /** Also plans and repositories for another TensorRT or other GPUs than these. */
  readonly current?: { readonly tensorrt: string; readonly capabilities: readonly string[] } | undefined
  /** Also private servers that are not the one on record. */
  readonly servers?: boolean
  readonly dryRun: boolean
  readonly signal?: AbortSignal | undefined
  readonly environment?: Environment | undefined
}

export interface Cleaned {
  readonly removed: readonly Removable[]
  /** What could be removed, and is kept. */
  readonly kept: readonly { readonly path: string; readonly why: string }[]
}

/** Something that could be removed, and what to check before. */
interface Waste extends Removable {
  /** Name of the bundle or the server that it belongs to. */
  readonly subject?: string
  /** Of whatever may be making it now. @default that of the bundle `subject` */
  readonly lock?: string
  /** Whether it may go, asked once its lock is held. */
  isWaste?(): Promise<boolean>
  remove(): Promise<void>
}

/**
 * Removes leftovers of killed processes, everything made from bundles that are gone, and caches; on request also plans and
 * servers that are not current. Keeps whatever is in use, or holds files that this program has not made.
 *
 * In a home that is read-only for this user, what stands in for it is cleaned.
 *
 * @throws ReadError where the bundles of the home cannot be seen; nothing is removed then
 */
export async function cleanHome(options: CleanOptions): Promise<Cleaned> {
  const removed: Removable[] = []
  const kept: { path: string; why: string }[] = []
  for (const waste of await findWaste(options)) {
    options.signal?.throwIfAborted()
    const { what, path, bytes } = waste
    try {
      if (await removeWaste(waste, options)) removed.push({ what, path, bytes })
    } catch (error) {
      if (!(error instanceof VirnucproError)) throw error
      kept.push({ path, why: error.message })
    }
  }
  return { removed, kept }
}

async function removeWaste(
  waste: Waste,
  { dryRun, owners, signal, environment }: CleanOptions,
): Promise<boolean> {
  const { path, subject, isWaste } = waste
  const work = async () => {
    if (subject !== undefined) await requireUnused(subject, path, environment)
    if (isWaste !== undefined && !(await isWaste())) return false
    // Servers have a lock of their own, and are asked before.
    if (subject !== undefined && waste.lock === undefined) await requireOurs(path, owners, environment)
    if (!dryRun) await waste.remove()
    return true
  }
  const lock = waste.lock ?? (subject === undefined ? undefined : bundleLock(subject))
  if (lock === undefined || dryRun) return await work()
  return await withHomeLock(lock, work, { signal, wait: false, environment })
}

async function findWaste(options: CleanOptions): Promise<Waste[]> {
  const root = await writableFolder(options.environment)
  return [
    ...(await leftovers(root)),
    ...(await deadLocks(options.environment)),
    ...(await orphans(root, options.environment)),
    ...(options.current === undefined ? [] : await otherPlans(options.current, options.environment)),
    ...(options.servers ? await otherServers(options, root) : []),
    ...(await cached(root)),
  ]
}

/** Folders below a place in which unfinished files and folders may lie. */
const DEPTH: Readonly<Record<Place, number>> = {
  weights: 1,
  bundles: 0,
  derived: 1,
  plans: 3,
  repositories: 2,
  servers: 0,
  cache: 1,
}

async function leftovers(root: string): Promise<Waste[]> {
  const found: string[] = []
  const look = async (folder: string, depth: number): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
      const path = join(folder, entry.name)
      if (isUnfinishedName(entry.name)) {
        if (await isLeftover(path)) found.push(path)
      } else if (entry.isDirectory() && depth > 0) await look(path, depth - 1)
    }
  }
  await look(root, 0)
  for (const place of PLACE_NAMES) await look(join(root, place), DEPTH[place])
  return await Promise.all(
    found.map(async (path) => ({
      what: 'left by a process that was killed',
      path,
      bytes: await bytesBelow(path),
      isWaste: () => isLeftover(path),
      remove: () => removeUnfinished(path).catch(cannotWrite(path)),
    })),
  )
}

/** Locks of processes that have ended, and unfinished lock files. */
async function deadLocks(environment: Environment | undefined): Promise<Waste[]> {
  const folder = await locksFolder(environment)
  const found: Waste[] = []
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name)
    const isWaste = () => FileLock.isDead(path)
    if (!(await isWaste())) continue
    // Whoever takes over a dead lock removes it in the end.
    const remove = name.endsWith('.lock')
      ? async () => await (await FileLock.acquire(path))[Symbol.asyncDispose]()
      : () => rm(path, { force: true }).catch(cannotWrite(path))
    found.push({ what: 'lock of a process that has ended', path, bytes: 0, isWaste, remove })
  }
  return found
}

/** Everything made from bundles that are gone. */
async function orphans(root: string, environment: Environment | undefined): Promise<Waste[]> {
  // Asked for first: where they cannot be seen, nothing is waste.
  const bundles = await bundleIds(environment)
  const isGone = async (id: string) => !(await bundleIds(environment)).includes(id)
  const ids = new Set<string>()
  for (const place of MADE_OF_BUNDLES)
    for (const name of await readdir(join(root, place)).catch(() => [])) if (isBundleId(name)) ids.add(name)
  const found: Waste[] = []
  for (const id of ids) {
    if (bundles.includes(id)) continue
    for (const each of await madeOf(id, environment)) {
      if (!each.path.startsWith(root + sep)) continue
      found.push({
        ...each,
        what: `${each.what}, of a bundle that is gone`,
        subject: id,
        isWaste: () => isGone(id),
        remove: () => removeOne(each.path),
      })
    }
  }
  return found
}

/** Plans and repositories for another TensorRT, and plans for GPUs that are not in the machine. */
async function otherPlans(
  { tensorrt, capabilities }: NonNullable<CleanOptions['current']>,
  environment: Environment | undefined,
): Promise<Waste[]> {
  const root = await writableFolder(environment)
  const isHere = ({ folder }: { folder: string }) => folder.startsWith(root + sep)
  const found: Waste[] = []
  for (const { id, plans, repositories } of await listBundles(environment)) {
    const kinds = { 'TensorRT plans': plans, 'a model repository': repositories }
    for (const [kind, list] of Object.entries(kinds))
      for (const { folder: path, bytes, tensorrt: version } of list.filter(isHere)) {
        const what = `${kind} for TensorRT ${version}`
        if (version !== tensorrt)
          found.push({ what, path, bytes, subject: id, remove: () => removeOne(path) })
      }
    for (const { folder, capabilities: built } of plans
      .filter(isHere)
      .filter((each) => each.tensorrt === tensorrt))
      for (const capability of built.filter((each) => !capabilities.includes(each)))
        found.push(...(await plansFor(folder, capability, id)))
  }
  return found
}

async function plansFor(folder: string, capability: string, subject: string): Promise<Waste[]> {
  const names = await readdir(folder, { recursive: true }).catch(() => [])
  const files = names.filter((name) =>
    [`model_sm${capability}.plan`, `model_sm${capability}.json`].includes(basename(name)),
  )
  return await Promise.all(
    files.map(async (name) => {
      const path = join(folder, name)
      const what = `TensorRT plan for GPUs of compute capability ${Number(capability) / 10}`
      return {
        what,
        path,
        bytes: await bytesBelow(path),
        subject,
        remove: () => rm(path, { force: true }).catch(cannotWrite(path)),
      }
    }),
  )
}

async function otherServers({ owners, environment }: CleanOptions, root: string): Promise<Waste[]> {
  const { gpu } = await readHome(environment)
  const folder = join(root, 'servers')
  const current = gpu && currentServer(gpu.server)
  const found: Waste[] = []
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name)
    if (name === current || isUnfinishedName(name) || !(await owners.isServer(path))) continue
    const bytes = await bytesBelow(path)
    const remove = () => removeOne(path)
    found.push({ what: 'a private server', path, bytes, subject: name, lock: serverLock(name), remove })
  }
  return found
}

/** Name of the folder, or of the file of an image, that a server has among those of the home. */
function currentServer(server: ServerChoice): string | undefined {
  if (server.kind === 'private') return server.name
  return server.kind === 'container' ? basename(server.image) : undefined
}

async function cached(root: string): Promise<Waste[]> {
  const folder = join(root, 'cache')
  const found: Waste[] = []
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name)
    if (isUnfinishedName(name)) continue
    // What an installation downloads lies below the name of its server.
    if (name === 'packages')
      for (const server of await readdir(path).catch(() => []))
        found.push({ ...(await cacheAt(join(path, server))), lock: serverLock(server) })
    else found.push(await cacheAt(path))
  }
  return found
}

async function cacheAt(path: string): Promise<Waste> {
  const remove = () => rm(path, { recursive: true, force: true }).catch(cannotWrite(path))
  return { what: 'cache', path, bytes: await bytesBelow(path), remove }
}
