import { stat } from 'node:fs/promises'
import { UsageError } from '../system/index.ts'
import type { CommandLine } from './parse/index.ts'

/**
 * The one DIR that the commands about checkpoints take.
 * @throws {UsageError} when there is none, more than one word, or no folder of that name.
 */
export async function folderArgument(line: CommandLine): Promise<string> {
  const [folder, extra] = line.positionals
  if (folder === undefined) throw new UsageError('no folder given: expected the output folder of a run')
  if (extra !== undefined) throw new UsageError(`unexpected argument ${extra}: expected one folder`)
  const found = await stat(folder).catch(() => undefined)
  if (found === undefined) throw new UsageError(`${folder}: no such folder`)
  if (!found.isDirectory()) throw new UsageError(`${folder}: expected a folder, got a file`)
  return folder
}

/** Names and ids of damaged files may hold anything. */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not reach a terminal
  return text.replace(/[\x00-\x1f\x7f]/g, ' ')
}
