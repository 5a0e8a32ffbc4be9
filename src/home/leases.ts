import { mkdir, readdir, realpath, rm } from 'node:fs/promises'
import { join, relative, resolve, sep } from 'node:path'
import { FileLock, LockedError } from '../system/file-lock.ts'
import { describeOwner } from '../system/lock-owner.ts'
import { type Environment, homeFolder, PLACE_NAMES, privateFolder, writableFolder } from './places.ts'

const NONE: AsyncDisposable = { [Symbol.asyncDispose]: async () => {} }

/**
 * Says, until disposed of, that this process uses a bundle, a repository or a server of the home, by a path in it: it is not
 * removed meanwhile. Paths outside the home are ignored.
 *
 * In a read-only home, only this user's processes see the lease. On a full disk there is none, since that is no reason to stop
 * a run.
 */
export async function lease(path: string, environment?: Environment): Promise<AsyncDisposable> {
  const subject = await subjectOf(path, environment)
  if (subject === undefined) return NONE
  const folder = await locksFolder(environment)
  try {
    // Or the lock would remove the folder with itself, from under another one.
    await mkdir(folder, { recursive: true })
    await removeDead(folder, subject)
    return await FileLock.acquire(join(folder, `${prefixOf(subject)}${crypto.randomUUID()}.lock`))
  } catch {
    return NONE
  }
}

/** Takes away what killed processes of this machine have left: nobody else may look for long, and each run would add to it. */
async function removeDead(folder: string, subject: string): Promise<void> {
  for (const name of await namesOf(folder, subject)) {
    const path = join(folder, name)
    // No lease has the name of another: what is dead stays so. Those of other users may be out of reach.
    if (await FileLock.isDead(path).catch(() => false)) await rm(path, { force: true }).catch(() => {})
  }
}

/** Leases, and what is left of those whose process was killed while it took them. */
async function namesOf(folder: string, subject: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [])
  return names.filter((name) => name.startsWith(prefixOf(subject)))
}

/** Processes that use something of the home, in words. Removes leases of processes that have ended. */
export async function leaseHolders(subject: string, environment?: Environment): Promise<string[]> {
  const folder = await locksFolder(environment)
  const holders: string[] = []
  for (const name of (await namesOf(folder, subject)).filter((each) => each.endsWith('.lock'))) {
    try {
      await (await FileLock.acquire(join(folder, name)))[Symbol.asyncDispose]()
    } catch (error) {
      if (!(error instanceof LockedError)) throw error
      holders.push(describeOwner(error.owner))
    }
  }
  return holders
}

export async function locksFolder(environment?: Environment): Promise<string> {
  return join(await writableFolder(environment), 'locks')
}

function prefixOf(subject: string): string {
  return `in-use.${subject}.`
}

/** Name of the bundle or server that a path in the home belongs to. */
async function subjectOf(path: string, environment: Environment | undefined): Promise<string | undefined> {
  const whole = await realpath(path).catch(() => resolve(path))
  for (const home of [homeFolder(environment), privateFolder(environment)]) {
    const root = await realpath(home).catch(() => home)
    const [place = '', subject] = relative(root, whole).split(sep)
    if (subject !== undefined && PLACE_NAMES.some((name) => name === place)) return subject
  }
  return undefined
}
