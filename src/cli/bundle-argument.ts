import { UsageError } from '../system/errors.ts'
import type { CommandLine } from './parse/index.ts'

/**
 * The one BUNDLE that `models show` and `models verify` take.
 * @throws {UsageError} when there is none, or more than one word.
 */
export function bundleArgument(line: CommandLine): string {
  const [bundle, extra] = line.positionals
  if (bundle === undefined) throw new UsageError('no bundle given: expected the path of one')
  if (extra !== undefined) throw new UsageError(`unexpected argument ${extra}: expected one bundle`)
  return bundle
}
