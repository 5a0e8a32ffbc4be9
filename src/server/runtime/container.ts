import { access, readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { readablePlaces, type ServerChoice, writablePlace } from '../../home/index.ts'
import type { Gpu } from '../../machine/index.ts'
import { foreign } from '../../system/printable.ts'
import { messageOf } from '../../system/problems.ts'
import { isThere } from '../../system/same-file.ts'
import type { Contain } from '../engines/index.ts'
import {
  type ContainerEngine,
  containerEngines,
  IMAGE_NAME,
  inContainer,
  isImageFile,
  requireEngine,
} from '../serve/index.ts'
import { RuntimeError } from './errors.ts'
import { knownVersion } from './known-versions.ts'
import { IMAGE_BYTES, imageTagFor, LICENCES, pinFor, unsupportedGpus } from './pins.ts'
import { runCommand } from './run-command.ts'
import type { Runtime } from './runtime.ts'
import { trtexecVersion } from './trtexec.ts'

/** A container to use. Whatever is left out is looked for. */
export interface ContainerOptions {
  /** @default the first of Docker, Podman and Apptainer that can use the GPUs */
  readonly engine?: ContainerEngine | undefined
  /** Image; for Apptainer also a file. @default NVIDIA's, for the driver of the GPUs */
  readonly image?: string | undefined
  readonly gpus: readonly Pick<Gpu, 'computeCapability' | 'driver'>[]
}

/** An image to fetch. */
export interface ContainerPlan {
  readonly kind: 'container'
  readonly label: string
  readonly engine: ContainerEngine
  /** Its name, or the file that it becomes. */
  readonly image: string
  /** What it is fetched by. */
  readonly command: readonly [string, ...string[]]
  readonly downloadBytes: number
  readonly diskBytes: number
  readonly licences: string
}

/** In an image: where it has TensorRT's command line differs. */
const TRTEXEC = 'PATH="$PATH:/usr/src/tensorrt/bin:/opt/tensorrt/bin" exec "$@"'
const GPU_HINT = "NVIDIA's container toolkit"

/**
 * A container with a server that is there, an image to fetch, or why neither will do.
 *
 * @throws the reason of `signal`
 */
export async function findContainer(
  { engine, image, gpus }: ContainerOptions,
  signal?: AbortSignal,
): Promise<Runtime | ContainerPlan | string[]> {
  if (pinFor(gpus.map(({ computeCapability }) => computeCapability)) === undefined)
    return [unsupportedGpus(gpus)]
  const reasons: string[] = []
  for (const each of engine === undefined ? containerEngines : [engine]) {
    signal?.throwIfAborted()
    // Nobody misses what is not installed, unless it was asked for.
    if (engine === undefined && Bun.which(each) === null) continue
    const problem = await problemOf(each)
    if (problem === undefined) return await imageFor(each, image, gpus)
    reasons.push(problem)
  }
  return reasons.length > 0 ? reasons : ['there is no docker, podman or apptainer on PATH to run a container']
}

async function imageFor(
  engine: ContainerEngine,
  named: string | undefined,
  gpus: ContainerOptions['gpus'],
): Promise<Runtime | ContainerPlan | string[]> {
  const file = named !== undefined && isImageFile(named) ? resolve(named) : undefined
  const image = file ?? named ?? (await defaultImage(engine, gpus))
  if (await hasImage(engine, image)) return containerRuntime({ kind: 'container', engine, image })
  if (file !== undefined) return [`the image ${file} is not there`]
  const source = isImageFile(image) ? `docker://${IMAGE_NAME}:${imageTagFor(gpus)}` : image
  return {
    kind: 'container',
    label: `a container of ${source.replace('docker://', '')}, run by ${engine}`,
    engine,
    image,
    command: engine === 'apptainer' ? ['apptainer', 'pull', image, source] : [engine, 'pull', image],
    ...IMAGE_BYTES,
    licences: LICENCES.image,
  }
}

/** @throws RuntimeError when the engine or the image is gone */
export async function openContainer(choice: Extract<ServerChoice, { kind: 'container' }>): Promise<Runtime> {
  const { engine, image } = choice
  const gone = (why: string) => new RuntimeError(why, { detail: { code: 'runtime-gone', data: {} } })
  if (Bun.which(engine) === null)
    throw gone(`there is no ${engine} on PATH any more, which was set up to run the server`)
  if (isImageFile(image) && !(await isThere(image)))
    throw gone(`the image ${image}, which was set up for GPUs, is not there`)
  return containerRuntime(choice)
}

export function containerRuntime(choice: Extract<ServerChoice, { kind: 'container' }>): Runtime {
  const { engine, image } = choice
  const contain: Contain = (command, sees) => {
    const visible = process.env.CUDA_VISIBLE_DEVICES
    const environment = {
      ...(visible !== undefined && { CUDA_VISIBLE_DEVICES: visible }),
      ...sees.environment,
    }
    return inContainer(engine, image, ['sh', '-c', TRTEXEC, 'sh', ...command], { ...sees, environment })
  }
  return {
    kind: 'container',
    choice,
    label: `${image} (${engine})`,
    launch: { container: engine, image },
    builder: { builder: 'trtexec', trtexec: 'trtexec', contain },
    repositoryBackend: 'tensorrt',
    attention: 'standard',
    products: false,
    tensorrt: (signal) => versionIn(choice, contain, signal),
  }
}

/** A container takes seconds to say its version, and an image has a digest. */
async function versionIn(
  { engine, image }: { engine: ContainerEngine; image: string },
  contain: Contain,
  signal: AbortSignal | undefined,
): Promise<string> {
  const id = isImageFile(image) ? image : await imageId(engine, image)
  return await knownVersion(`${engine} ${id}`, async () => {
    const command = contain(['trtexec'], { reads: [], writes: [], environment: {} })
    const version = await trtexecVersion(command, {}, signal)
    if (version === undefined) {
      throw new RuntimeError(
        `trtexec of the image ${image}, run by ${engine}, does not say which version it is`,
        {
          detail: { code: 'runtime-gone', data: {} },
        },
      )
    }
    return { version, files: isImageFile(image) ? [image] : [] }
  })
}

/** Why an engine cannot run a server on GPUs; undefined when it can. */
async function problemOf(engine: ContainerEngine): Promise<string | undefined> {
  try {
    await requireEngine(engine)
  } catch (error) {
    return messageOf(error)
  }
  // Apptainer brings the driver of this machine into a container by itself.
  if (engine === 'apptainer' || (await describesGpus())) return undefined
  if (engine === 'podman')
    return `podman finds no GPUs: there is no CDI specification of them (${GPU_HINT}: nvidia-ctk cdi generate)`
  const { out } = await runCommand(['docker', 'info', '--format', '{{json .Runtimes}}'])
  const hasHook =
    Bun.which('nvidia-container-runtime-hook') !== null || Bun.which('nvidia-container-toolkit') !== null
  return hasHook || out.includes('nvidia') ? undefined : `docker finds no GPUs: ${GPU_HINT} is not installed`
}

/** Whether the GPUs are described for engines in the way of the Container Device Interface. */
async function describesGpus(): Promise<boolean> {
  if (Bun.which('nvidia-ctk') !== null) {
    const { out } = await runCommand(['nvidia-ctk', 'cdi', 'list'])
    if (out.includes('nvidia.com/gpu=')) return true
  }
  for (const folder of ['/etc/cdi', '/var/run/cdi']) {
    const names = await readdir(folder).catch((): string[] => [])
    if (names.some((name) => name.startsWith('nvidia'))) return true
  }
  return false
}

/** A file for Apptainer, which would make one of an image at every start. */
async function defaultImage(engine: ContainerEngine, gpus: ContainerOptions['gpus']): Promise<string> {
  const tag = imageTagFor(gpus)
  if (engine !== 'apptainer') return `${IMAGE_NAME}:${tag}`
  const name = `tritonserver-${tag}.sif`
  for (const servers of readablePlaces('servers'))
    if (await isThere(join(servers, name))) return join(servers, name)
  return join(await writablePlace('servers'), name)
}

export async function hasImage(engine: ContainerEngine, image: string): Promise<boolean> {
  if (isImageFile(image))
    return await access(image).then(
      () => true,
      () => false,
    )
  // Names of other places are looked up when it runs.
  if (engine === 'apptainer') return true
  return (await runCommand([engine, 'image', 'inspect', image])).code === 0
}

async function imageId(engine: ContainerEngine, image: string): Promise<string> {
  if (engine === 'apptainer') return image
  const { code, out, problem } = await runCommand([engine, 'image', 'inspect', '--format', '{{.Id}}', image])
  if (code === 0) return out.trim()
  throw new RuntimeError(`the image ${image} is not there (${engine}: ${foreign(problem)})`, {
    detail: { code: 'runtime-gone', data: {} },
  })
}
