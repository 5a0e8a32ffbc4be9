import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Manifest, openBundle } from '../bundle/index.ts'
import { bytesBelow } from '../system/disk-usage.ts'
import { VirnucproError } from '../system/errors.ts'
import { bundleIds } from './bundles.ts'
import { type Environment, homePlace, type Place, privateFolder } from './places.ts'
import { readHome } from './record.ts'

/** Something made from a bundle: its models in another precision, plans, or a repository. */
export interface Derived {
  readonly folder: string
  /** Precision, with `-fused` where attention is one operator. */
  readonly form: string
  readonly bytes: number
}

/** Plans, or a repository, for one version of TensorRT. */
export interface ForServer extends Derived {
  readonly tensorrt: string
}

export interface Plans extends ForServer {
  /** Compute capabilities of the GPUs that there are plans for: `90` for 9.0. */
  readonly capabilities: readonly string[]
}

/** A bundle of the home with everything made from it. */
export interface HomeBundle {
  readonly id: string
  readonly folder: string
  readonly isDefault: boolean
  /** Undefined for a bundle that cannot be opened. */
  readonly manifest: Manifest | undefined
  /** Why it cannot be. */
  readonly problem: string | undefined
  /** Size of the bundle alone. */
  readonly bytes: number
  readonly derived: readonly Derived[]
  readonly plans: readonly Plans[]
  readonly repositories: readonly ForServer[]
  /** Disk space of everything; a file with several names counts once. */
  readonly allBytes: number
}

/** Places for things made from bundles, in folders with the names of the bundles. */
export const MADE_OF_BUNDLES = ['derived', 'plans', 'repositories'] as const satisfies readonly Place[]
export type MadeOfBundles = (typeof MADE_OF_BUNDLES)[number]

/** Folders of a place: that of the home, and the user's own one beside a read-only home. */
export function rootsOf(place: Place, environment?: Environment): string[] {
  return [homePlace(place, environment), join(privateFolder(environment), place)]
}

/** The bundles of the home, the newest last. Manifests and small files are read, no weights. */
export async function listBundles(environment?: Environment): Promise<HomeBundle[]> {
  const { bundle } = await readHome(environment)
  const ids = await bundleIds(environment)
  const found = await Promise.all(
    ids.map((id) => describeBundle(id, bundle === undefined ? ids.length === 1 : bundle === id, environment)),
  )
  const created = ({ manifest }: HomeBundle) => manifest?.created ?? ''
  return found.sort((a, b) => created(a).localeCompare(created(b)))
}

async function describeBundle(
  id: string,
  isDefault: boolean,
  environment: Environment | undefined,
): Promise<HomeBundle> {
  const folder = join(homePlace('bundles', environment), id)
  const opened = await openBundle(folder).catch((error: unknown) => {
    if (error instanceof VirnucproError) return error
    throw error
  })
  const seen = new Set<string>()
  const isOpen = !(opened instanceof VirnucproError)
  const bytes = await bytesBelow(folder, seen)
  const derived = await derivedOf(id, environment, seen)
  const plans = await plansOf(id, environment, seen)
  const repositories = await forServers('repositories', id, environment, seen)
  const all = [...derived, ...plans, ...repositories].reduce((sum, each) => sum + each.own, bytes)
  const shown = <Each extends { own: number }>(list: Each[]) => list.map(({ own: _, ...rest }) => rest)
  return {
    id,
    folder,
    isDefault,
    manifest: isOpen ? opened.manifest : undefined,
    problem: isOpen ? undefined : opened.message,
    bytes,
    derived: shown(derived),
    plans: shown(plans),
    repositories: shown(repositories),
    allBytes: all,
  }
}

/** Files that were counted before are in `bytes`, and not in `own`. */
interface Sizes {
  readonly bytes: number
  readonly own: number
}

async function sizesOf(folder: string, seen: Set<string>): Promise<Sizes> {
  return { bytes: await bytesBelow(folder), own: await bytesBelow(folder, seen) }
}

async function derivedOf(id: string, environment: Environment | undefined, seen: Set<string>) {
  const found: (Derived & Sizes)[] = []
  for (const root of rootsOf('derived', environment))
    for (const form of await namesIn(join(root, id))) {
      const folder = join(root, id, form)
      found.push({ folder, form, ...(await sizesOf(folder, seen)) })
    }
  return found
}

async function forServers(
  place: 'plans' | 'repositories',
  id: string,
  environment: Environment | undefined,
  seen: Set<string>,
) {
  const found: (ForServer & Sizes)[] = []
  for (const root of rootsOf(place, environment))
    for (const form of await namesIn(join(root, id)))
      for (const tensorrt of await namesIn(join(root, id, form))) {
        const folder = join(root, id, form, tensorrt)
        found.push({ folder, form, tensorrt, ...(await sizesOf(folder, seen)) })
      }
  return found
}

async function plansOf(id: string, environment: Environment | undefined, seen: Set<string>) {
  const all = await forServers('plans', id, environment, seen)
  return await Promise.all(
    all.map(async (each) => {
      const names = await readdir(each.folder, { recursive: true }).catch(() => [])
      const capabilities = names.flatMap((name) => /model_sm(\d+)\.plan$/.exec(name)?.[1] ?? [])
      return { ...each, capabilities: [...new Set(capabilities)].sort() }
    }),
  )
}

/** What is finished below a folder. */
async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [])
  return names.filter((name) => !name.startsWith('.')).sort()
}

/** A place of the home and its size. */
export interface PlaceUse {
  readonly place: Place
  readonly folder: string
  readonly bytes: number
}

/** Sizes of all places of the home, and of the user's own folder beside a read-only home. A file with several names counts in the first place. */
export async function measurePlaces(root: string, places: readonly Place[]): Promise<PlaceUse[]> {
  const seen = new Set<string>()
  const found: PlaceUse[] = []
  for (const place of places) {
    const folder = join(root, place)
    found.push({ place, folder, bytes: await bytesBelow(folder, seen) })
  }
  return found
}
