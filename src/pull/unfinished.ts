import { constants } from 'node:fs'
import { rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder } from '../system/atomic.ts'

/** The file that grows until it is whole. It has one name, so that an interrupted call leaves nothing that the next one does not find. */
export function unfinishedName(target: string): string {
  return `${target}.incomplete`
}

/** Opens it, or makes it; no link is followed. */
export const GROWING = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW

/** Gives a whole file its name. */
export async function appear(unfinished: string, target: string): Promise<void> {
  await rename(unfinished, target)
  await syncFolder(dirname(target))
}
