/** Programs that run containers. */
export const containerEngines = ['docker', 'podman', 'apptainer'] as const
/** One of {@link containerEngines}. */
export type ContainerEngine = (typeof containerEngines)[number]

/** NVIDIA's image of the server, without its tag. */
export const IMAGE_NAME = 'nvcr.io/nvidia/tritonserver'
/** The same as in triton/compose.yaml. */
export const DEFAULT_IMAGE_TAG = '26.09-py3'

/** All GPUs, by the Container Device Interface. SELinux would keep a container from them. */
export const PODMAN_GPUS = ['--device', 'nvidia.com/gpu=all', '--security-opt', 'label=disable']
/** With the driver of this machine, and nothing of the user's shell. */
export const APPTAINER = ['apptainer', 'exec', '--nv', '--cleanenv', '--no-home'] as const

/** A file, or the name of an image as the other engines have it. */
export function apptainerImage(image: string): string {
  return /^[\w+-]+:\/\//.test(image) || isFile(image) ? image : `docker://${image}`
}

/** Whether an image is named as a file: `./x.sif`, `/x.sif`, `x.sif`. */
export function isFile(image: string): boolean {
  return /^[./~]|\.(sif|sqsh|img)$/.test(image)
}

/** What of this machine a command in a container may read and write, under the same paths, and its environment. */
export interface ContainerAccess {
  readonly reads: readonly string[]
  readonly writes: readonly string[]
  readonly environment: Readonly<Record<string, string>>
}

/** A command that runs another one in a container with the GPUs of this machine, as the user who calls. */
export function inContainer(
  engine: ContainerEngine,
  image: string,
  command: readonly string[],
  { reads, writes, environment }: ContainerAccess,
): [string, ...string[]] {
  const variables = Object.entries(environment).flatMap(([name, value]) => ['--env', `${name}=${value}`])
  if (engine === 'apptainer') {
    const binds = [...reads.map((path) => `${path}:${path}:ro`), ...writes.map((path) => `${path}:${path}`)]
    return [
      ...APPTAINER,
      ...binds.flatMap((bind) => ['--bind', bind]),
      ...variables,
      apptainerImage(image),
      ...command,
    ]
  }
  const mount = (path: string, more = '') => ['--mount', `type=bind,source=${path},target=${path}${more}`]
  const { uid, gid } = ids()
  // Without root, Podman's root in the container is the user; Docker's is root.
  const user = engine === 'docker' ? ['--gpus', 'all', '--user', `${uid}:${gid}`] : PODMAN_GPUS
  return [
    ...([engine, 'run', '--rm', '--init'] as const),
    ...user,
    ...reads.flatMap((path) => mount(path, ',readonly')),
    ...writes.flatMap((path) => mount(path)),
    ...variables,
    image,
    ...command,
  ]
}

function ids(): { uid: number; gid: number } {
  return { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
}
