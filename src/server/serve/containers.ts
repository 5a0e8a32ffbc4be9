import { resolve } from 'node:path'
import {
  APPTAINER,
  apptainerImage,
  type ContainerEngine,
  DEFAULT_IMAGE_TAG,
  IMAGE_NAME,
  PODMAN_GPUS,
} from './container-engines.ts'
import type { ServerPlan } from './options.ts'

/** Where a container has the model repository. */
const MODELS = '/models'

/** Python models pass tensors through /dev/shm; the default of 64 MB is one large batch. */
const RESOURCES = ['--shm-size', '2g', '--ulimit', 'memlock=-1:-1', '--ulimit', 'stack=67108864:67108864']
/** A command of an engine, and the one that takes away what it leaves. */
export interface ContainerCommands {
  readonly up: readonly [string, ...string[]]
  readonly down?: readonly [string, ...string[]]
  /** Whether ports, processes and shared memory are those of this machine, as of a program. */
  readonly isOpen: boolean
}

/** How Podman and Apptainer start a server; Docker has triton/compose.yaml. */
export function serverInContainer(
  engine: Exclude<ContainerEngine, 'docker'>,
  plan: ServerPlan,
  { common, own }: { common: readonly string[]; own: readonly string[] },
): ContainerCommands {
  return engine === 'podman' ? podman(plan, common) : apptainer(plan, [...own, ...common])
}

function podman(plan: ServerPlan, args: readonly string[]): ContainerCommands {
  // Ports are unique on a machine, and so are names after them.
  const name = `virnucpro-${plan.ports.grpc}`
  const seconds = String(plan.drainTimeout + 15)
  const inside = { http: 8000, grpc: 8001, metrics: 8002 }
  const ports = (['http', 'grpc', 'metrics'] as const).flatMap((port) => [
    '--publish',
    `${plan.address}:${plan.ports[port]}:${inside[port]}`,
  ])
  return {
    up: [
      ...(['podman', 'run', '--rm', '--init', '--name', name, '--stop-timeout', seconds] as const),
      ...PODMAN_GPUS,
      ...RESOURCES,
      ...['--mount', `type=bind,source=${resolve(plan.repository)},target=${MODELS},readonly`],
      ...ports,
      // Without a value: passed on when it is set here, else the server sees every GPU.
      ...['--env', 'CUDA_VISIBLE_DEVICES'],
      ...[imageOf(plan), 'tritonserver', `--model-repository=${MODELS}`, ...args],
    ],
    down: ['podman', 'rm', '--force', '--ignore', '--time', seconds, name],
    isOpen: false,
  }
}

function apptainer(plan: ServerPlan, args: readonly string[]): ContainerCommands {
  const gpus = plan.gpu ?? process.env.CUDA_VISIBLE_DEVICES
  return {
    up: [
      ...APPTAINER,
      ...['--bind', `${resolve(plan.repository)}:${MODELS}:ro`],
      ...(gpus === undefined ? [] : ['--env', `CUDA_VISIBLE_DEVICES=${gpus}`]),
      ...[apptainerImage(imageOf(plan)), 'tritonserver', `--model-repository=${MODELS}`, ...args],
    ],
    isOpen: true,
  }
}

function imageOf({ image, imageTag }: ServerPlan): string {
  const tag = imageTag ?? (process.env.VIRNUCPRO_TRITON_TAG || DEFAULT_IMAGE_TAG)
  return image ?? `${IMAGE_NAME}:${tag}`
}
