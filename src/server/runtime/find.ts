import type { ServerChoice } from '../../home/index.ts'
import { RuntimeError } from './errors.ts'
import { findProgram, openProgram, type ProgramOptions } from './program.ts'
import type { Runtime } from './runtime.ts'

export interface FindOptions extends ProgramOptions {
  /** Only this kind. @default the first that this machine has */
  readonly server?: ServerChoice['kind'] | undefined
  readonly signal?: AbortSignal | undefined
}

/** What was found: a server, or why there is none. */
export type FoundRuntime = { readonly found: Runtime } | { readonly none: readonly string[] }

/**
 * The server of this machine: a program of it.
 *
 * @throws the reason of `signal`
 */
export async function findRuntime(options: FindOptions = {}): Promise<FoundRuntime> {
  const found = await findProgram(options, options.signal)
  return Array.isArray(found) ? { none: found } : { found }
}

/**
 * The server that was chosen before. Nothing is started.
 *
 * @throws RuntimeError when it is gone
 */
export async function openRuntime(choice: ServerChoice, signal?: AbortSignal): Promise<Runtime> {
  if (choice.kind === 'program') return await openProgram(choice, signal)
  throw new RuntimeError(`a server of the kind ${choice.kind}`)
}
