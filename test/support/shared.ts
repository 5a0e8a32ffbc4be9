import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dir, '../../../shared')

/** Whether more reference data lies beside the checkout. Tests are complete without it; it only adds to them. */
export const hasShared = existsSync(ROOT)

/** Path of a file of that data. */
export function shared(...parts: string[]): string {
  return join(ROOT, ...parts)
}
