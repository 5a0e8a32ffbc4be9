import { resolve } from 'node:path'
import { type ServerCommand, serverArguments, shellWord } from './command.ts'
import { ServerNotFoundError } from './errors.ts'
import type { ServerPlan } from './options.ts'

const COMPOSE_FILE = resolve(import.meta.dir, '../../../triton/compose.yaml')

/** Commands that start the container of one server and take it away again. */
export interface ContainerCommands {
  readonly up: ServerCommand
  readonly down: ServerCommand
}

/** The compose project of one server; the variables are those of triton/compose.yaml. */
export function containerCommands(plan: ServerPlan, imageTag?: string): ContainerCommands {
  const env = {
    VIRNUCPRO_REPOSITORY: resolve(plan.repository),
    VIRNUCPRO_ADDRESS: plan.address,
    VIRNUCPRO_HTTP_PORT: String(plan.ports.http),
    VIRNUCPRO_GRPC_PORT: String(plan.ports.grpc),
    VIRNUCPRO_METRICS_PORT: String(plan.ports.metrics),
    VIRNUCPRO_DRAIN_TIMEOUT: `${plan.drainTimeout + 15}s`,
    // Docker Compose splits it as a shell would.
    VIRNUCPRO_SERVER_ARGS: serverArguments(plan).map(shellWord).join(' '),
    ...(imageTag === undefined ? {} : { VIRNUCPRO_TRITON_TAG: imageTag }),
    ...(plan.gpu === undefined ? {} : { CUDA_VISIBLE_DEVICES: plan.gpu }),
  }
  // Ports are unique on a machine, and so are projects named after them.
  const compose = [
    'docker',
    'compose',
    '--project-name',
    `virnucpro-${plan.ports.grpc}`,
    '--file',
    COMPOSE_FILE,
  ] as const
  return {
    up: { argv: [...compose, 'up', '--no-color', '--no-log-prefix', '--abort-on-container-exit'], env },
    down: { argv: [...compose, 'down'], env },
  }
}

/**
 * Makes sure that containers can be started.
 *
 * @throws {ServerNotFoundError} saying which part is missing: Docker, its compose plugin, or the daemon
 */
export async function requireDocker(): Promise<void> {
  const native = 'or start a server program of this machine with --server-bin'
  if (Bun.which('docker') === null) {
    throw new ServerNotFoundError(
      `--container needs Docker, and there is no docker on PATH. Install it, ${native}`,
    )
  }
  const compose = await answer(['docker', 'compose', 'version'])
  if (compose.code !== 0) {
    throw new ServerNotFoundError(
      `--container needs the compose plugin of Docker ("docker compose"): ${compose.err}. Install it, ${native}`,
    )
  }
  const engine = await answer(['docker', 'version', '--format', '{{.Server.Version}}'])
  if (engine.code !== 0) {
    throw new ServerNotFoundError(`Docker does not answer: ${engine.err}. Start its daemon, ${native}`)
  }
}

async function answer(argv: string[]): Promise<{ code: number; err: string }> {
  const child = Bun.spawn(argv, { stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' })
  const [err, code] = await Promise.all([new Response(child.stderr).text(), child.exited])
  return { code, err: err.trim().split('\n')[0] ?? '' }
}
