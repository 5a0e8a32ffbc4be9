import { existsSync } from 'node:fs'

/**
 * Whether a tool of the tests is present; in CI its absence is a failure, never a skip.
 *
 * @param mark - a file that is there once the tool is
 * @param made - the script that installs it
 * @param named - what a message calls it. @default the mark
 */
export function isInstalled(mark: string, made: string, named = mark): boolean {
  if (existsSync(mark)) return true
  const message = `${named} not found: run ${made}; what needs it is left out`
  if (process.env.CI === 'true') throw new Error(message)
  console.warn(message)
  return false
}
