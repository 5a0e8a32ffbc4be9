import { access, constants, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { ServerChoice } from '../../home/index.ts'
import type { Gpu } from '../../machine/index.ts'
import { messageOf } from '../../system/problems.ts'
import { requireServer, ServerNotFoundError } from '../serve/index.ts'
import { RuntimeError } from './errors.ts'
import { knownVersion } from './known-versions.ts'
import { type FoundBuilder, pairUp } from './pairing.ts'
import { pythonFacts } from './python-facts.ts'
import type { Runtime, RuntimeBuilder } from './runtime.ts'
import { type ServerFacts, serverFacts } from './server-facts.ts'
import { findTrtexec, trtexecVersion } from './trtexec.ts'

/** A server program of this machine, and the program that builds plans for it. Whatever is left out is searched for. */
export interface ProgramOptions {
  /** @default `tritonserver` of PATH, else that of /opt/tritonserver */
  readonly serverBin?: string | undefined
  /** Where the server finds its backends. @default what the server does by itself */
  readonly backendDirectory?: string | undefined
  /** Folders of libraries for the server and what builds plans, separated by colons. */
  readonly libraryPath?: string | undefined
  /** Python with TensorRT. @default that of the server, else python3 of PATH */
  readonly python?: string | undefined
  /** TensorRT's command line. @default that of PATH, else that of TensorRT's packages */
  readonly trtexec?: string | undefined
  /** The GPUs that plans are for. @default any */
  readonly gpus?: readonly Pick<Gpu, 'computeCapability'>[] | undefined
}

type Program = Extract<ServerChoice, { kind: 'program' }>

/**
 * A server program with a builder of plans that it can load, or the reasons why there is none. Starts the server once for some
 * seconds to find out its versions.
 *
 * @throws the reason of `signal`
 */
export async function findProgram(
  options: ProgramOptions,
  signal?: AbortSignal,
): Promise<Runtime | string[]> {
  const { backendDirectory, libraryPath } = options
  let serverBin: string
  let server: ServerFacts
  try {
    serverBin = requireServer(options.serverBin)
    server = await serverFacts({ serverBin, backendDirectory, libraryPath }, signal)
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof ServerNotFoundError) return [messageOf(error)]
    return [
      `the server ${options.serverBin ?? requireServer(undefined)} does not run as it is: ${messageOf(error)}`,
    ]
  }
  const builders = await findBuilders(options, server, signal)
  const capabilities = (options.gpus ?? []).map(({ computeCapability }) => computeCapability)
  const pair = pairUp(server, builders, capabilities)
  if (Array.isArray(pair)) return pair.map((reason) => `the server ${serverBin}: ${reason}`)
  const { builder, backend, attention, products } = pair
  const { python, trtexec, environment } = builder.options
  const libraries =
    environment?.LD_LIBRARY_PATH === undefined ? libraryPath : (libraryPath ?? server.libraryPath)
  return programRuntime({
    kind: 'program',
    serverBin,
    backend,
    attention,
    products,
    ...(backendDirectory !== undefined && { backendDirectory: resolve(backendDirectory) }),
    ...(libraries && { libraryPath: libraries }),
    ...(python !== undefined && { python }),
    ...(trtexec !== undefined && { trtexec }),
  })
}

/** @throws RuntimeError when a program of it is gone, or cannot be used */
export async function openProgram(
  choice: Program,
  { gpus, signal }: Pick<ProgramOptions, 'gpus'> & { signal?: AbortSignal | undefined },
): Promise<Runtime> {
  const programs = [choice.serverBin, choice.python ?? choice.trtexec]
  for (const program of programs) {
    if (program === undefined) continue
    if (await isProgram(program)) continue
    throw new RuntimeError(
      `the program ${program}, which was set up for GPUs, is not there, or may not be run`,
      { detail: { code: 'runtime-gone', data: {} } },
    )
  }
  if (choice.backend !== undefined && choice.attention !== undefined) return programRuntime(choice)
  const found = await findProgram({ ...choice, gpus }, signal)
  if (!Array.isArray(found)) return found
  throw new RuntimeError(found, { detail: { code: 'runtime-gone', data: {} } })
}

async function isProgram(path: string): Promise<boolean> {
  const mayRun = await access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
  return mayRun && (await stat(path)).isFile()
}

function programRuntime(choice: Program): Runtime {
  const { serverBin, backendDirectory, libraryPath, python, trtexec, backend, attention, products } = choice
  const environment = libraries(libraryPath)
  const builder: RuntimeBuilder =
    trtexec !== undefined && python === undefined
      ? { builder: 'trtexec', trtexec, environment }
      : { builder: 'python', python: python ?? 'python3', environment }
  return {
    kind: 'program',
    choice,
    label: serverBin,
    launch: { serverBin, backendDirectory, libraryPath },
    builder,
    repositoryBackend: backend ?? 'tensorrt',
    attention: attention ?? 'standard',
    products: products ?? false,
    tensorrt: (signal) => versionOf(builder, signal),
  }
}

/** Programs of this machine that build plans, best first. */
async function findBuilders(
  { python, trtexec, libraryPath }: ProgramOptions,
  server: ServerFacts,
  signal: AbortSignal | undefined,
): Promise<FoundBuilder[]> {
  const found: FoundBuilder[] = []
  const pythons =
    python === undefined && trtexec === undefined ? [server.executable, Bun.which('python3')] : [python]
  for (const each of pythons) {
    if (each === null || each === undefined) continue
    const builder = await findBindings(programPath(each), libraryPath, server, signal)
    if (builder !== undefined) found.push(builder)
  }
  if (python !== undefined && trtexec === undefined) return found
  for (const each of await findTrtexec(trtexec)) {
    const environment = libraries(libraryPath)
    const tensorrt = await trtexecVersion([each], environment, signal)
    if (tensorrt === undefined) continue
    found.push({
      options: { builder: 'trtexec', trtexec: each, environment },
      tensorrt,
      fused: false,
      products: false,
    })
  }
  return found
}

/** TensorRT's Python bindings, which may need the libraries that the server has. */
async function findBindings(
  python: string,
  libraryPath: string | undefined,
  server: ServerFacts,
  signal: AbortSignal | undefined,
): Promise<FoundBuilder | undefined> {
  const paths = libraryPath === undefined ? [undefined, server.libraryPath] : [libraryPath]
  for (const path of paths) {
    const environment = libraries(path)
    const facts = await pythonFacts(python, environment, signal)
    if (typeof facts === 'string' || facts.tensorrt === null) continue
    const { tensorrt, numpy, compiler, products } = facts
    const fused = numpy !== null && compiler
    return { options: { builder: 'python', python, environment }, tensorrt, fused, products }
  }
  return undefined
}

function libraries(path: string | undefined): Record<string, string> {
  if (!path) return {}
  const paths = [...path.split(':'), ...(process.env.LD_LIBRARY_PATH ?? '').split(':')]
  return { LD_LIBRARY_PATH: [...new Set(paths.filter((each) => each !== ''))].join(':') }
}

function programPath(name: string): string {
  return name.includes('/') ? resolve(name) : (Bun.which(name) ?? name)
}

async function versionOf(
  { python, trtexec, environment }: RuntimeBuilder,
  signal: AbortSignal | undefined,
): Promise<string> {
  const program = python ?? trtexec ?? ''
  const refuse = (why: string) =>
    new RuntimeError(`${program}, which was set up to build TensorRT plans, ${why}`, {
      detail: { code: 'runtime-gone', data: {} },
    })
  return await knownVersion(`${program} ${environment?.LD_LIBRARY_PATH ?? ''}`, async () => {
    if (python === undefined) {
      const version = await trtexecVersion([program], environment, signal)
      if (version === undefined) throw refuse('does not say which version it is')
      return { version, files: [program] }
    }
    const facts = await pythonFacts(python, environment, signal)
    if (typeof facts === 'string') throw refuse(facts)
    if (facts.tensorrt === null) throw refuse(`has no TensorRT: ${facts.problem ?? 'no reason given'}`)
    return { version: facts.tensorrt, files: [python, ...(facts.module === null ? [] : [facts.module])] }
  })
}
