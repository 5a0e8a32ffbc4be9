import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** Reference data lies beside the checkout; it is for tests only and never part of the project. */
const ROOT = resolve(import.meta.dir, '../../../shared')

/** True where the reference data is present; in CI its absence is a failure, never a skip. */
export const hasShared = existsSync(ROOT)
if (!hasShared) {
  const message = `reference data not found at ${ROOT}: the tests that need it are skipped`
  if (process.env.CI === 'true') throw new Error(message)
  console.warn(message)
}

/** Path of a file of the reference data. */
export function shared(...parts: string[]): string {
  return join(ROOT, ...parts)
}
