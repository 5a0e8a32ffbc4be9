import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { withHomeLock } from '../../home/index.ts'
import { freeBytes } from '../../machine/index.ts'
import { temporaryName } from '../../system/kept-files.ts'
import { foreign } from '../../system/printable.ts'
import { cannotWrite } from '../../system/system-error.ts'
import { bytes } from '../../text/numbers.ts'
import { type ContainerPlan, containerRuntime, hasImage } from './container.ts'
import { RuntimeError } from './errors.ts'
import { runCommand } from './run-command.ts'
import type { Runtime } from './runtime.ts'

const KEPT_LINES = 8

/**
 * Fetches the image, whole or not at all: layers that are there are kept by the engine.
 *
 * @throws RuntimeError
 */
export async function fetchImage(
  plan: ContainerPlan,
  {
    onProgress = () => {},
    signal,
  }: { onProgress?: ((message: string) => void) | undefined; signal?: AbortSignal | undefined },
): Promise<Runtime> {
  const { engine, image } = plan
  const work = async (lockSignal: AbortSignal) => {
    if (!(await hasImage(engine, image))) {
      onProgress(`fetching ${plan.label}: about ${bytes(plan.downloadBytes)}`)
      if (engine === 'apptainer') await pullFile(plan, onProgress, lockSignal)
      else await fetchBy([...plan.command], image, onProgress, lockSignal)
    }
    const runtime = containerRuntime({ kind: 'container', engine, image })
    await runtime.tensorrt(lockSignal)
    return runtime
  }
  return await withHomeLock('server-image', work, {
    signal,
    onWait: (owner) => onProgress(`waiting for ${owner}`),
  })
}

async function pullFile(
  { image, command, diskBytes }: ContainerPlan,
  onProgress: (message: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const free = await freeBytes(dirname(image))
  if (free < diskBytes) {
    throw new RuntimeError(
      `${dirname(image)}: the image of a server needs about ${bytes(diskBytes)} of disk, and ${bytes(free)} are free`,
      { kind: 'inputOutput', detail: { code: 'no-room-in-home', data: {} } },
    )
  }
  const unfinished = temporaryName(resolve(image))
  await mkdir(dirname(image), { recursive: true }).catch(cannotWrite(image))
  try {
    await fetchBy(
      command.map((word) => (word === image ? unfinished : word)),
      image,
      onProgress,
      signal,
    )
    await rename(unfinished, image).catch(cannotWrite(image))
  } finally {
    await rm(unfinished, { force: true })
  }
}

async function fetchBy(
  command: readonly string[],
  image: string,
  onProgress: (message: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const onLine = (line: string) => onProgress(foreign(line))
  const { code, last } = await runCommand(command, { onLine, signal })
  if (code === 0) return
  throw new RuntimeError(
    [`${image} could not be fetched:`, ...last.slice(-KEPT_LINES).map((line) => `  ${foreign(line)}`)],
    { detail: { code: 'no-image', data: {} } },
  )
}
