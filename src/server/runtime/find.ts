import type { ServerChoice } from '../../home/index.ts'
import type { Gpu } from '../../machine/index.ts'
import { type ContainerOptions, type ContainerPlan, findContainer, openContainer } from './container.ts'
import type { InstallOptions } from './install.ts'
import { findPrivate, openPrivate, type PrivateOptions, type PrivatePlan } from './private.ts'
import { findProgram, openProgram, type ProgramOptions } from './program.ts'
import type { Runtime } from './runtime.ts'

export interface FindOptions
  extends ProgramOptions,
    Pick<ContainerOptions, 'engine' | 'image'>,
    Pick<PrivateOptions, 'wheels' | 'products'> {
  /** Only this kind. @default the first that this machine has */
  readonly server?: ServerChoice['kind'] | undefined
  /** The GPUs that it is for: not every TensorRT supports every GPU. */
  readonly gpus: readonly Pick<Gpu, 'computeCapability' | 'driver'>[]
  readonly signal?: AbortSignal | undefined
}

export interface OpenOptions {
  /** The GPUs that it is for. @default any */
  readonly gpus?: readonly Pick<Gpu, 'computeCapability'>[] | undefined
  readonly signal?: AbortSignal | undefined
}

/** A server that can be put in place. */
export type InstallPlan = PrivatePlan | ContainerPlan

/** What was found: a server, one that can be put in place, or why there is none. */
export type FoundRuntime =
  | { readonly found: Runtime }
  | { readonly install: InstallPlan }
  | { readonly none: readonly string[] }

/** A way to a server; best first. */
const WAYS = {
  program: findProgram,
  container: findContainer,
  private: findPrivate,
} as const

/**
 * The server of this machine: a program of it, else a container, else a private one; the last two may have to be put in place. A
 * server that is there goes before one that is not. Options that name a program or an image are about that one alone.
 *
 * @throws the reason of `signal`
 */
export async function findRuntime(options: FindOptions): Promise<FoundRuntime> {
  const { server = namedKind(options), signal } = options
  const none: string[] = []
  let install: InstallPlan | undefined
  for (const [kind, find] of Object.entries(WAYS)) {
    if (server !== undefined && kind !== server) continue
    const result = await find(options, signal)
    if (Array.isArray(result)) none.push(...result)
    else if ('launch' in result) return { found: result }
    // Who brings packages wants nothing fetched.
    else if (result.kind === 'private' || options.wheels === undefined) install ??= result
  }
  return install === undefined ? { none } : { install }
}

function namedKind({ serverBin, engine, image }: FindOptions): ServerChoice['kind'] | undefined {
  if (serverBin !== undefined) return 'program'
  return engine === undefined && image === undefined ? undefined : 'container'
}

/**
 * The server that was chosen before. Nothing is started, unless the choice leaves out what only the server knows.
 *
 * @throws RuntimeError when it is gone
 */
export async function openRuntime(choice: ServerChoice, options: OpenOptions = {}): Promise<Runtime> {
  if (choice.kind === 'program') return await openProgram(choice, options)
  if (choice.kind === 'private') return await openPrivate(choice, options.gpus)
  return await openContainer(choice)
}

/**
 * Puts a server in place, whole or not at all. What is there already stays; an interrupted call is continued by the next one;
 * two at the same time are one.
 *
 * @throws RuntimeError; WriteError
 */
export async function installRuntime(plan: InstallPlan, options: InstallOptions = {}): Promise<Runtime> {
  if (plan.kind === 'container') return await (await import('./fetch-image.ts')).fetchImage(plan, options)
  return await (await import('./install.ts')).installPrivate(plan, options)
}
