// The home: the folder in which this program keeps what it makes for a user, such as weights.

import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'

/** The variable that names the home. */
export const HOME_VARIABLE = 'VIRNUCPRO_HOME'

/** What lies in the home, and in which folder. */
const PLACES = { weights: 'weights' } as const

type Environment = Readonly<Record<string, string | undefined>>

/** `VIRNUCPRO_HOME`, else a folder of its own in the platform's folder for data. */
export function homeFolder(environment: Environment = process.env, platform = process.platform): string {
  const named = environment[HOME_VARIABLE]
  return named ? resolve(named) : join(dataFolder(environment, platform), 'virnucpro')
}

/** The folder of the home for one kind of thing. It need not exist. */
export function homePlace(place: keyof typeof PLACES, environment?: Environment): string {
  return join(homeFolder(environment), PLACES[place])
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
