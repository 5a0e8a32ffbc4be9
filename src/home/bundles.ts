import { lstat, readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { MANIFEST_FILE, resolveBundle } from '../bundle/index.ts'
import { NoInputError, UsageError } from '../system/errors.ts'
import { isThere } from '../system/same-file.ts'
import { cannotRead } from '../system/system-error.ts'
import { HomeError } from './errors.ts'
import { type Environment, homePlace } from './places.ts'
import { readHome } from './record.ts'

/** Name of a bundle in the home; see `backbonesId`. */
const ID = /^[0-9a-f]{16}$/
/** The beginning of a name, as people type it. */
const PREFIX = /^[0-9a-f]{4,16}$/

/** The bundle that a name means. */
export interface NamedBundle {
  readonly folder: string
  /** ID of a bundle of the home. */
  readonly id?: string
  /** Whether it was taken as the default. */
  readonly isDefault: boolean
}

export function isBundleId(name: string): boolean {
  return ID.test(name)
}

/**
 * Names of the bundles of the home; they need not be whole.
 * @throws ReadError where their folder cannot be read now, or is a link to one that is not mounted: what was made of them would
 * be taken for waste
 */
export async function bundleIds(environment?: Environment): Promise<string[]> {
  const place = homePlace('bundles', environment)
  const names = await readdir(place).catch(async (error: NodeJS.ErrnoException) => {
    const link = await lstat(place).catch(() => undefined)
    return error.code === 'ENOENT' && link === undefined ? [] : cannotRead(place)(error)
  })
  return names.filter((name) => ID.test(name)).sort()
}

/**
 * The bundle that a name means: `demo`, a path, or the name of a bundle of the home or the beginning of one, four digits or more;
 * without a name the default bundle of the home. `openBundle` checks whether it is whole.
 *
 * @throws UsageError for no name where there is no default bundle, and for a beginning that several bundles have; HomeError
 */
export async function findBundle(name: string | undefined, environment?: Environment): Promise<NamedBundle> {
  if (name === undefined) return await defaultBundle(environment)
  if (name === 'demo' || !PREFIX.test(name) || (await isThere(resolve(name))))
    return { folder: resolveBundle(name), isDefault: false }
  const id = await idFrom(name, environment)
  return id === undefined
    ? { folder: resolveBundle(name), isDefault: false }
    : { folder: join(homePlace('bundles', environment), id), id, isDefault: false }
}

/** The recorded default, or the only bundle. */
async function defaultBundle(environment: Environment | undefined): Promise<NamedBundle> {
  const place = homePlace('bundles', environment)
  const { bundle } = await readHome(environment)
  const [only, ...others] = bundle === undefined ? await bundleIds(environment) : []
  const id = bundle ?? (others.length === 0 ? only : undefined)
  if (id === undefined) {
    const why =
      only === undefined
        ? 'no model bundle is set up, and none was named'
        : 'no bundle was named, and of those that are set up none is the default'
    throw new UsageError(why, { detail: { code: 'bundle-not-named', data: { bundles: only !== undefined } } })
  }
  const folder = join(place, id)
  if (await isThere(join(folder, MANIFEST_FILE))) return { folder, id, isDefault: true }
  throw new HomeError(folder, `the default bundle of the home, ${folder}, is not there`, {
    kind: 'noInput',
    detail: { code: 'default-missing', data: {} },
  })
}

/**
 * The name of a bundle of the home, from the name or its beginning.
 * @throws NoInputError when there is none; UsageError when there are several
 */
export async function requireBundleId(name: string, environment?: Environment): Promise<string> {
  const id = PREFIX.test(name) ? await idFrom(name, environment) : undefined
  if (id !== undefined) return id
  throw new NoInputError(`no bundle of the home is called ${name}`, {
    detail: { code: 'no-such-bundle', data: {} },
  })
}

async function idFrom(beginning: string, environment: Environment | undefined): Promise<string | undefined> {
  const found = (await bundleIds(environment)).filter((id) => id.startsWith(beginning))
  if (found.length <= 1) return found[0]
  throw new UsageError(`several bundles of the home begin with ${beginning}: ${found.join(', ')}`)
}
