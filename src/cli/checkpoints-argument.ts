import { stat } from 'node:fs/promises'
import { NoInputError, UsageError } from '../system/errors.ts'
import type { CommandLine } from './parse/index.ts'

/**
 * The one DIR that the commands about checkpoints take.
 * @throws {UsageError} when there is none or more than one word; {@link NoInputError} when there is no folder of that name.
 */
export async function folderArgument(line: CommandLine): Promise<string> {
  const [folder, extra] = line.positionals
  if (folder === undefined) throw new UsageError('no folder given: expected the output folder of a run')
  if (extra !== undefined) throw new UsageError(`unexpected argument ${extra}: expected one folder`)
  const found = await stat(folder).catch(() => undefined)
  if (found === undefined) throw new NoInputError(`${folder}: no such folder`)
  if (!found.isDirectory()) throw new NoInputError(`${folder}: expected a folder, got a file`)
  return folder
}
