import { resolve } from 'node:path'
import type { ContainerEngine } from './container-engines.ts'
import { serverInContainer } from './containers.ts'
import { engineOf, planServers, type ServeOptions, type ServerPlan } from './options.ts'
import { findServer } from './prerequisites.ts'
import { newRegionPrefix } from './regions.ts'

const COMPOSE_FILE = resolve(import.meta.dir, '../../../triton/compose.yaml')

/** A program to start and what it differs in from this process's environment. */
export interface ServerCommand {
  readonly argv: readonly [string, ...string[]]
  readonly env: Readonly<Record<string, string>>
}

/** How a server is started, and tidied up after. */
export interface PlannedCommand {
  readonly plan: ServerPlan
  readonly command: ServerCommand
  /** Takes away what outlives the command. */
  readonly down?: ServerCommand
  /** What the shared-memory regions of its Python models are called. */
  readonly regionPrefix?: string
}

/** The commands that `startServer` runs, without running them; they need not run on this machine. */
export function serverCommands(options: ServeOptions): PlannedCommand[] {
  return planServers(options).map(serverCommand)
}

export function serverCommand(plan: ServerPlan): PlannedCommand {
  const engine = engineOf(plan)
  if (engine === undefined) return nativeCommand(plan)
  return engine === 'docker' ? dockerCommands(plan) : containerCommands(engine, plan)
}

/**
 * Arguments of a server that work in a container too.
 *
 * `--exit-on-error=false`: a server with a broken model stays up long enough to be asked why.
 */
function serverArguments(plan: ServerPlan): string[] {
  return [
    '--disable-auto-complete-config',
    '--exit-on-error=false',
    `--exit-timeout-secs=${plan.drainTimeout}`,
    ...plan.args,
  ]
}

function gpuVariable({ gpu }: ServerPlan): Record<string, string> {
  return gpu === undefined ? {} : { CUDA_VISIBLE_DEVICES: gpu }
}

/** A server program of this machine. */
function nativeCommand(plan: ServerPlan): PlannedCommand {
  const { serverBin, backendDirectory, libraryPath } = plan
  const regionPrefix = newRegionPrefix()
  const libraries = [libraryPath, process.env.LD_LIBRARY_PATH].filter((path) => path)
  const command: ServerCommand = {
    argv: [
      serverBin ?? findServer() ?? 'tritonserver',
      `--model-repository=${resolve(plan.repository)}`,
      ...(backendDirectory === undefined ? [] : [`--backend-directory=${resolve(backendDirectory)}`]),
      ...hostArguments(plan, regionPrefix),
      ...serverArguments(plan),
    ],
    env: {
      ...(libraryPath === undefined ? {} : { LD_LIBRARY_PATH: libraries.join(':') }),
      ...gpuVariable(plan),
    },
  }
  return { plan, command, regionPrefix }
}

/** Arguments of a server whose ports and shared memory are those of this machine. */
function hostArguments(plan: ServerPlan, regionPrefix: string): string[] {
  return [
    ...['http', 'grpc', 'metrics'].map((name) => `--${name}-address=${plan.address}`),
    ...Object.entries(plan.ports).map(([name, port]) => `--${name}-port=${port}`),
    `--backend-config=python,shm-region-prefix-name=${regionPrefix}`,
  ]
}

/** A server in a container of Podman or Apptainer. */
function containerCommands(engine: Exclude<ContainerEngine, 'docker'>, plan: ServerPlan): PlannedCommand {
  const regionPrefix = newRegionPrefix()
  const args = { common: serverArguments(plan), own: hostArguments(plan, regionPrefix) }
  const { up, down, isOpen } = serverInContainer(engine, plan, args)
  const env = gpuVariable(plan)
  return {
    plan,
    command: { argv: up, env },
    ...(down !== undefined && { down: { argv: down, env } }),
    ...(isOpen && { regionPrefix }),
  }
}

/** The compose project of one server; the variables are those of triton/compose.yaml. */
function dockerCommands(plan: ServerPlan): PlannedCommand {
  const { image, imageTag } = plan
  const { http, grpc, metrics } = plan.ports
  const env = {
    VIRNUCPRO_REPOSITORY: resolve(plan.repository),
    VIRNUCPRO_ADDRESS: plan.address,
    VIRNUCPRO_HTTP_PORT: String(http),
    VIRNUCPRO_GRPC_PORT: String(grpc),
    VIRNUCPRO_METRICS_PORT: String(metrics),
    VIRNUCPRO_DRAIN_TIMEOUT: `${plan.drainTimeout + 15}s`,
    // Docker Compose splits it as a shell would.
    VIRNUCPRO_SERVER_ARGS: serverArguments(plan).map(shellWord).join(' '),
    ...(imageTag === undefined ? {} : { VIRNUCPRO_TRITON_TAG: imageTag }),
    ...(image === undefined ? {} : { VIRNUCPRO_TRITON_IMAGE: image }),
    ...gpuVariable(plan),
  }
  // Ports are unique on a machine, and so are projects named after them.
  const project = ['--project-name', `virnucpro-${grpc}`, '--file', COMPOSE_FILE]
  const compose = (...words: string[]): ServerCommand => ({
    argv: ['docker', 'compose', ...project, ...words],
    env,
  })
  return {
    plan,
    command: compose('up', '--no-color', '--no-log-prefix', '--abort-on-container-exit'),
    down: compose('down'),
  }
}

/** A command as one would type it into a shell. */
export function shellCommand({ argv, env }: ServerCommand): string {
  const assignments = Object.entries(env).map(([name, value]) => `${name}=${shellWord(value)}`)
  return [...assignments, ...argv.map(shellWord)].join(' ')
}

/** A word with the quotes that a shell needs. */
function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
