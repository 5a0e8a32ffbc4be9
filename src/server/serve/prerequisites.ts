import { accessSync, constants, statSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type GpuSurvey, lackOfGpus, surveyGpus } from '../../machine/index.ts'
import { NoInputError } from '../../system/errors.ts'
import { reasonOf } from '../../system/problems.ts'
import type { ContainerEngine } from './container-engines.ts'
import { ServerNotFoundError } from './errors.ts'

/** Programs that are only asked something answer at once; a daemon that hangs is one that is not there. */
const PATIENCE_MS = 20_000

const ENGINE_NAMES = { docker: 'Docker', podman: 'Podman', apptainer: 'Apptainer' } as const

/** Where NVIDIA's containers and packages put it. */
const USUAL_PLACE = '/opt/tritonserver/bin/tritonserver'

const NO_PROGRAM = { detail: { code: 'no-server-program', data: {} } } as const

/** The server program that is there without being named, or undefined. */
export function findServer(): string | undefined {
  return Bun.which('tritonserver') ?? (isProgram(USUAL_PLACE) ? USUAL_PLACE : undefined)
}

/**
 * The server program to start.
 *
 * @throws ServerNotFoundError when it is not there or cannot be run
 */
export function requireServer(named: string | undefined): string {
  if (named !== undefined) {
    const found = named.includes('/') ? resolve(named) : (Bun.which(named) ?? undefined)
    if (found !== undefined && isProgram(found)) return found
    throw new ServerNotFoundError(
      `the server program ${named}: there is no such program, or it may not be run`,
      NO_PROGRAM,
    )
  }
  const found = findServer()
  if (found !== undefined) return found
  throw new ServerNotFoundError(
    `no Triton server found: there is no tritonserver on PATH and no ${USUAL_PLACE}`,
    NO_PROGRAM,
  )
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/**
 * Makes sure that a folder holds models: the server itself starts without any and says nothing.
 *
 * @throws NoInputError when there is no such folder, or no model in it
 */
export async function requireRepository(folder: string): Promise<void> {
  const refusal = (reason: string, cause?: unknown) =>
    new NoInputError(`model repository ${folder}: ${reason}`, {
      cause,
      detail: { code: 'no-repository', data: {} },
    })
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    const { code } = cause as NodeJS.ErrnoException
    throw refusal(code === 'ENOENT' ? 'no such folder' : reasonOf(cause), cause)
  })
  for (const entry of entries) {
    if (!entry.isDirectory() && !entry.isSymbolicLink()) continue
    const names = await readdir(join(folder, entry.name)).catch((): string[] => [])
    if (names.includes('config.pbtxt')) return
  }
  throw refusal('no model in it (expected MODEL/config.pbtxt)')
}

/**
 * Makes sure that an engine can start containers.
 *
 * @throws ServerNotFoundError saying which part is missing: the program, Docker's compose plugin, or its daemon
 */
export async function requireEngine(engine: ContainerEngine): Promise<void> {
  const refuse = (problem: string) =>
    new ServerNotFoundError(problem, { detail: { code: 'no-containers', data: {} } })
  const name = ENGINE_NAMES[engine]
  if (Bun.which(engine) === null)
    throw refuse(`a container needs ${name}, and there is no ${engine} on PATH: install it`)
  if (engine !== 'docker') {
    const version = await run([engine, '--version'])
    if (version.code !== 0) throw refuse(`${name} does not run: ${version.problem}`)
    return
  }
  const compose = await run(['docker', 'compose', 'version'])
  if (compose.code !== 0)
    throw refuse(
      `a container needs the compose plugin of Docker ("docker compose"): ${compose.problem}; install it`,
    )
  const daemon = await run(['docker', 'version', '--format', '{{.Server.Version}}'])
  if (daemon.code !== 0) throw refuse(`Docker does not answer: ${daemon.problem}; start its daemon`)
}

/**
 * The GPUs of this machine that programs may use, by UUID, since numbers mean different GPUs to different programs. Where
 * `nvidia-smi` is not there or fails, those that CUDA_VISIBLE_DEVICES names, in its words. Empty when there is none.
 */
export async function findGpus(): Promise<string[]> {
  return namesOf(await surveyGpus())
}

function namesOf({ gpus, all, visible = '' }: GpuSurvey): string[] {
  if (all.length > 0) return gpus.map(({ uuid }) => uuid)
  return visible
    .split(',')
    .map((gpu) => gpu.trim())
    .filter((gpu) => gpu !== '' && gpu !== '-1')
}

/**
 * What each server gets for CUDA_VISIBLE_DEVICES so that together they use all of these GPUs: undefined where one server can.
 * CUDA lets a process see a single MIG instance, and no whole GPU beside it.
 *
 * @param gpus UUIDs or numbers. @default all
 */
export async function serverShares(gpus?: readonly string[]): Promise<string[] | undefined> {
  const names = gpus ?? (await findGpus())
  const instances = names.filter((name) => name.startsWith('MIG-'))
  if (instances.length === 0) return gpus === undefined ? undefined : [gpus.join()]
  const whole = names.filter((name) => !instances.includes(name))
  return [...(whole.length === 0 ? [] : [whole.join()]), ...instances]
}

/**
 * GPUs to start one server each on; see {@link findGpus}.
 *
 * @throws ServerNotFoundError when there is none
 */
export async function visibleGpus(): Promise<string[]> {
  const survey = await surveyGpus()
  const found = namesOf(survey)
  if (found.length > 0) return found
  throw new ServerNotFoundError(`no GPU for a server each: ${lackOfGpus(survey)}`, {
    detail: { code: 'no-gpu-for-servers', data: {} },
  })
}

async function run(argv: string[]): Promise<{ code: number; out: string; problem: string }> {
  const child = Bun.spawn(argv, { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe', timeout: PATIENCE_MS })
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { code, out, problem: err.trim().split('\n')[0] || 'it says nothing' }
}
