import { resolve } from 'node:path'
import { KERNEL_CAPABILITY, MODEL_NAMES } from '../bundle/index.ts'
import { changeHome } from '../home/index.ts'
import type { Expense } from '../server/deploy/index.ts'
import {
  type FoundRuntime,
  findRuntime,
  type InstallPlan,
  installRuntime,
  openRuntime,
  type Runtime,
} from '../server/runtime/index.ts'
import { SetupError } from './errors.ts'
import type { SetupOptions } from './options.ts'
import { rechecked, type Situation } from './situation.ts'

/** An installed server, or one that can be installed. */
type Usable = Exclude<FoundRuntime, { none: unknown }>

/** Found out once for each set-up: starting a server to learn its versions takes some seconds. */
const asked = new WeakMap<SetupOptions, Promise<FoundRuntime>>()
const askedAgain = new WeakMap<SetupOptions, Promise<FoundRuntime>>()

/** The same options with another signal, and the server already found for them. */
export function withSignal(options: SetupOptions, signal: AbortSignal): SetupOptions {
  const same = { ...options, signal }
  for (const answers of [asked, askedAgain]) {
    const answer = answers.get(options)
    if (answer !== undefined) answers.set(same, answer)
  }
  return same
}

/** The server that would be used. Changes nothing permanently. @throws SetupError when there is none */
export async function lookForServer({ options, gpus, gpuPrecision }: Situation): Promise<Usable> {
  const { server, libraryPath, engine, image, signal } = options
  const path = (named: string | undefined) => (named?.includes('/') ? resolve(named) : named)
  const answer =
    asked.get(options) ??
    findRuntime({
      server,
      serverBin: path(options.serverBin),
      backendDirectory: path(options.backendDirectory),
      libraryPath,
      python: path(options.python),
      engine,
      // The name of an image has slashes, too.
      image: image !== undefined && /^\.{0,2}\//.test(image) ? resolve(image) : image,
      wheels: path(options.wheels),
      products: gpuPrecision === 'fp8',
      gpus,
      signal,
    })
  asked.set(options, answer)
  const found = await answer
  if (!('none' in found)) return found
  throw new SetupError(
    ['there is no server for the GPUs of this machine:', ...found.none.map((why) => `  ${why}`)],
    { detail: { code: 'no-runtime', data: {} } },
  )
}

/** Whether the recorded server is the wanted one, and still exists. */
async function hasServer({ record, options, deployment }: Situation): Promise<boolean> {
  const choice = record.gpu?.server
  if (choice === undefined || deployment === undefined) return false
  const { server, serverBin, backendDirectory, libraryPath, python, engine, image } = options
  if (server !== undefined && server !== choice.kind) return false
  const wishes = { serverBin, backendDirectory, libraryPath, python, engine, image }
  for (const [name, wish] of Object.entries(wishes)) {
    const kept = (choice as Readonly<Record<string, unknown>>)[name]
    if (wish !== undefined && kept !== wish && kept !== resolve(wish)) return false
  }
  return (await deployment.steps[0]?.isDone()) === true
}

/** Whether the recorded settings for GPUs are the wanted ones. */
export async function isDecided(situation: Situation): Promise<boolean> {
  const { record, options, gpuPrecision } = situation
  const { gpu } = record
  if (gpu?.precision !== gpuPrecision) return false
  if (gpu.recheck !== rechecked(gpuPrecision).recheck) return false
  if (gpu.attention === 'fused' && !(await canFuse(situation))) return false
  if (options.calibrate !== undefined && gpu.calibrate !== calibration(options.calibrate)) return false
  if (!(await hasServer(situation))) return false
  return gpu.attention === 'fused' || (await completed(situation)) === undefined
}

/**
 * The recorded server, where it lacked nothing but cuBLASLt for layers in FP8 and has it now: somebody has followed the advice
 * of {@link attentionOf}.
 */
async function completed(situation: Situation): Promise<Runtime | undefined> {
  const { record, gpus, gpuPrecision, options } = situation
  const choice = record.gpu?.server
  if (gpuPrecision !== 'fp8' || choice?.kind !== 'program') return undefined
  if (choice.attention !== 'fused' || choice.products === true || !(await canFuse(situation)))
    return undefined
  const { signal } = options
  const answer = askedAgain.get(options) ?? findRuntime({ ...choice, server: choice.kind, gpus, signal })
  askedAgain.set(options, answer)
  const now = await answer
  return 'found' in now && now.found.products ? now.found : undefined
}

function calibration(named: string): string {
  return named === 'none' ? named : resolve(named)
}

/** Finds or installs the server, and records the settings for GPUs. */
export async function decide(situation: Situation): Promise<void> {
  const { options, record, gpuPrecision } = situation
  const runtime = await runtimeOf(situation)
  const kept = record.gpu?.precision === gpuPrecision ? record.gpu.calibrate : undefined
  const calibrate = options.calibrate === undefined ? kept : calibration(options.calibrate)
  const attention = await attentionOf(situation, runtime)
  const recheck = rechecked(gpuPrecision)
  const gpu = { precision: gpuPrecision, attention, ...recheck, server: runtime.choice } as const
  await changeHome((old) => ({ ...old, gpu: { ...gpu, ...(calibrate !== undefined && { calibrate }) } }))
  options.logger.info(
    `GPUs compute in ${gpuPrecision}${attention === 'fused' ? ', attention in a kernel of our own' : ''}; ` +
      `the server is ${runtime.label}`,
  )
}

/** The fastest form of attention that the server has for the models. */
async function attentionOf(situation: Situation, runtime: Runtime): Promise<'standard' | 'fused'> {
  if (runtime.attention !== 'fused' || !(await canFuse(situation))) return 'standard'
  if (situation.gpuPrecision !== 'fp8' || runtime.products) return 'fused'
  const { logger, wheels } = situation.options
  const packages = wheels === undefined ? '' : ` with nvidia-cublas-cu12 in ${wheels}`
  logger.info(
    'FP8 is faster with layers in kernels of our own, which need cuBLASLt: ' +
      (runtime.kind === 'private'
        ? `remove ${runtime.label} and set up again${packages}, which installs the server with it`
        : "pip install nvidia-cublas-cu12 for the server's Python and the one with TensorRT, and set up again"),
  )
  return 'standard'
}

async function runtimeOf(situation: Situation): Promise<Runtime> {
  const { options, record, gpus } = situation
  const { logger, signal } = options
  if (record.gpu !== undefined && (await hasServer(situation)))
    return (await completed(situation)) ?? (await openRuntime(record.gpu.server, { gpus, signal }))
  const usable = await lookForServer(situation)
  if ('found' in usable) return usable.found
  return await installRuntime(usable.install, {
    onProgress: (message) => logger.info(message),
    signal,
  })
}

/** Whether the kernel of attention runs on all of the GPUs, and takes the heads of the models. */
async function canFuse({ base, gpus }: Situation): Promise<boolean> {
  if (base === undefined) return false
  if (gpus.some(({ computeCapability }) => Number(computeCapability) < KERNEL_CAPABILITY)) return false
  const { hasKernel } = await import('../import/index.ts')
  const { models } = base.manifest
  return MODEL_NAMES.every((name) => hasKernel(models[name]))
}

/** The server to install, unless one is installed. */
export async function installationOf(situation: Situation): Promise<InstallPlan | undefined> {
  if (await hasServer(situation)) return undefined
  const usable = await lookForServer(situation)
  return 'install' in usable ? usable.install : undefined
}

/** Bytes per second of a download, where nothing is known of the network. */
const USUAL_SPEED = 30e6
/** And of packages that are unpacked. */
const UNPACKED_SPEED = 100e6

function roomFor(plan: InstallPlan): Pick<Expense, 'bytes' | 'imageBytes'> {
  const { downloadBytes, diskBytes } = plan
  if (plan.kind === 'private') return { bytes: downloadBytes + diskBytes }
  // Apptainer has a cache of its own, and makes a file in the home of it.
  if (plan.engine === 'apptainer') return { bytes: diskBytes, imageBytes: downloadBytes }
  return { bytes: 0, imageBytes: downloadBytes + diskBytes }
}

/** Time and disk space of installing the server: almost none when it is installed. */
export async function expenseOfServer(situation: Situation): Promise<Expense> {
  const plan = await installationOf(situation)
  if (plan === undefined) return { seconds: 3, bytes: 0 }
  const seconds = plan.downloadBytes / USUAL_SPEED + plan.diskBytes / UNPACKED_SPEED
  return { seconds: 10 + seconds, ...roomFor(plan) }
}
