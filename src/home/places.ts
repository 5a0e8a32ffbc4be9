import { access, constants, realpath, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { HomeError } from './errors.ts'

/** The variable that names the home. */
export const HOME_VARIABLE = 'VIRNUCPRO_HOME'

/** The record of set-up, in the home. */
export const HOME_FILE = 'home.json'

/** Folders of the home, in the order in which they are shown. */
const PLACES = {
  weights: 'weights',
  bundles: 'bundles',
  derived: 'derived',
  plans: 'plans',
  repositories: 'repositories',
  servers: 'servers',
  cache: 'cache',
} as const

export type Place = keyof typeof PLACES

export const PLACE_NAMES = Object.keys(PLACES) as readonly Place[]

export type Environment = Readonly<Record<string, string | undefined>>

/** `VIRNUCPRO_HOME`, else a folder of its own in the platform's folder for data. */
export function homeFolder(environment: Environment = process.env, platform = process.platform): string {
  const named = environment[HOME_VARIABLE]
  return named ? resolve(named) : join(dataFolder(environment, platform), 'virnucpro')
}

/** The folder of the home for one kind of thing. It need not exist. */
export function homePlace(place: Place, environment?: Environment): string {
  return join(homeFolder(environment), PLACES[place])
}

/** Name of the lock of whatever makes, changes or removes a bundle of the home. */
export function bundleLock(id: string): string {
  return `bundle-${id}`
}

/** Name of the lock of whatever installs or removes a server of the home. */
export function serverLock(name: string): string {
  return `server-${name.replaceAll('.', '-')}`
}

/**
 * Stands in for a home that this user cannot write to, such as that of a cluster: for locks, and everything that can be made
 * again.
 */
export function privateFolder(environment?: Environment): string {
  return join(cacheFolder(environment), 'virnucpro')
}

/** Where things of one kind may lie: in the home and, beside a read-only home, in the user's own folder. */
export function readablePlaces(place: Place): string[] {
  return [homeFolder(), privateFolder()].map((root) => join(root, PLACES[place]))
}

/** The same as `homePlace` in a home that this user may write to, and in `privateFolder` otherwise. */
export async function writablePlace(place: Place, environment?: Environment): Promise<string> {
  return join(await writableFolder(environment), PLACES[place])
}

/** The home where this user may write to it, else `privateFolder`. */
export async function writableFolder(environment?: Environment): Promise<string> {
  return (await isHomeReadOnly(environment)) ? privateFolder(environment) : homeFolder(environment)
}

/**
 * Whether this user can neither write to the home nor make it.
 * @throws HomeError when the home is a file
 */
export async function isHomeReadOnly(environment?: Environment): Promise<boolean> {
  await requireFolder(homeFolder(environment))
  for (let folder = homeFolder(environment); ; folder = dirname(folder)) {
    try {
      await access(folder, constants.W_OK | constants.X_OK)
      return false
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT' || folder === dirname(folder)) return ['EACCES', 'EPERM', 'EROFS'].includes(code)
    }
  }
}

/** @throws HomeError when this user cannot write to the home */
export async function requireWritableHome(environment?: Environment): Promise<void> {
  if (!(await isHomeReadOnly(environment))) return
  const folder = homeFolder(environment)
  throw new HomeError(folder, `the home ${folder} is read-only for this user, and cannot be changed`, {
    kind: 'cannotCreate',
    detail: { code: 'other-home', data: {} },
  })
}

/** Whether a path, behind all links, lies in one of the places of the home, or is the record of what was set up. */
export async function isOfHome(path: string, environment?: Environment): Promise<boolean> {
  const home = homeFolder(environment)
  const [root, folder] = await Promise.all(
    [home, dirname(resolve(path))].map((each) => realpath(each).catch(() => each)),
  )
  const [first = ''] = relative(root!, join(folder!, basename(path))).split(sep)
  return first === HOME_FILE || first === 'locks' || PLACE_NAMES.some((place) => PLACES[place] === first)
}

/** @throws HomeError when a file stands where the home should be */
export async function requireFolder(home: string): Promise<void> {
  const found = await stat(home).catch(() => undefined)
  if (found === undefined || found.isDirectory()) return
  throw new HomeError(home, `the home ${home} is a file, and should be a folder`, {
    kind: 'cannotCreate',
    detail: { code: 'other-home', data: {} },
  })
}

/** Where programs keep their data. Source of the one of Linux: XDG Base Directory Specification, which ignores relative paths. */
function dataFolder(environment: Environment, platform: NodeJS.Platform): string {
  const home = environment.HOME || homedir()
  if (platform === 'win32') return environment.LOCALAPPDATA || join(homedir(), 'AppData', 'Local')
  if (platform === 'darwin') return join(home, 'Library', 'Application Support')
  return absolute(environment.XDG_DATA_HOME) ?? join(home, '.local', 'share')
}

/** Where programs keep what they can download or compute again. */
export function cacheFolder(environment: Environment = process.env): string {
  return absolute(environment.XDG_CACHE_HOME) ?? join(environment.HOME || homedir(), '.cache')
}

function absolute(path: string | undefined): string | undefined {
  return path !== undefined && isAbsolute(path) ? path : undefined
}
