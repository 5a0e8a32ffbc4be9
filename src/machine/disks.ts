import { statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/** File systems of networks by the number that statfs(2) gives. Source: linux/magic.h and the file systems' own headers. */
const NETWORK_FILE_SYSTEMS: Readonly<Record<number, string>> = {
  26985: 'NFS',
  20859: 'SMB',
  4283649346: 'CIFS',
  4266872130: 'SMB',
  198183888: 'Lustre',
  1196443219: 'GPFS',
  428016422: 'BeeGFS',
  12805120: 'CephFS',
  1397113167: 'AFS',
  16914839: '9P',
}

/** The file system that a path lies on, or would lie on. */
export interface Volume {
  freeBytes: number
  /** Its name where it is one that machines share. */
  network?: string
}

/**
 * The file system of the nearest folder that exists.
 *
 * @throws the error of the system when that cannot be asked
 */
export async function volumeOf(path: string): Promise<Volume> {
  const at = resolve(path)
  const found = await statfs(at).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' || at === dirname(at)) throw error
    return undefined
  })
  if (found === undefined) return await volumeOf(dirname(at))
  const network = NETWORK_FILE_SYSTEMS[found.type >>> 0]
  return { freeBytes: found.bavail * found.bsize, ...(network !== undefined && { network }) }
}

/**
 * Bytes that this user may still write there, quotas aside, on the file system of the nearest folder that exists.
 *
 * @throws the error of the system when that cannot be asked
 */
export async function freeBytes(path: string): Promise<number> {
  return (await volumeOf(path)).freeBytes
}
