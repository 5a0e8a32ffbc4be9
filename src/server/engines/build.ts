import { mkdir, readdir, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import packageManifest from '../../../package.json' with { type: 'json' }
import {
  type Bundle,
  computesOnCpu,
  type HostedName,
  hostedModel,
  hostedNames,
  KERNEL_CAPABILITY,
  MODELS,
  type ModelName,
  modelOf,
  openBundle,
  precisionFacts,
  precisionsWhere,
  TABLE_POSITIONS,
} from '../../bundle/index.ts'
import { freeBytes } from '../../machine/index.ts'
import { requireLinux } from '../../system/platform.ts'
import { sha256Large } from '../../system/sha256.ts'
import { cannotWrite } from '../../system/system-error.ts'
import { bytes } from '../../text/numbers.ts'
import { isPlanFileName, misfit, type PlanSidecar, readSidecar } from '../repository/index.ts'
import { type BuilderName, type BuildRequest, builders } from './builders.ts'
import { EngineError } from './errors.ts'
import { budgetFor, gpuBytes, holdingOf, LEAST_BUDGET } from './memory.ts'
import { beginPlan } from './plan-files.ts'
import { budgetOf, profilesFor } from './profiles.ts'
import { reportBuild, type Say } from './reporter.ts'
import { findEngines } from './show.ts'
import { type Launching, probeTensorRt, type Target } from './tensorrt.ts'
import { wholeWaves } from './waves.ts'

export interface BuildEnginesOptions extends Launching {
  /** Folder of a bundle in BF16, FP16 or FP8. */
  readonly bundle: string
  /** Folder for the plans: `esm2/model_smXX.plan`, `dnabert_s/model_smXX.plan`, and those of a partner. */
  readonly output: string
  /** @default all that the bundle has */
  readonly models?: readonly HostedName[]
  /** Longest length of each profile, in tokens, for all models or for each. @default those of {@link MODELS} */
  readonly bounds?: readonly number[] | Record<ModelName, readonly number[]>
  /**
   * @default that of a plan for other GPUs in the folder, else the whole waves of the GPU nearest to 16,384 for ESM-2 and 65,536
   * for DNABERT-S, halved until it fits
   */
  readonly tokenBudget?: number
  /** @default 'python' */
  readonly builder?: BuilderName
  /** @default 'python3' */
  readonly python?: string
  /** @default 'trtexec' */
  readonly trtexec?: string
  /** 0 to 5: how long TensorRT looks for faster kernels. @default 3 */
  readonly optimizationLevel?: number
  /** @default `timing.cache` in the output folder */
  readonly timingCache?: string
  /** Scratch memory that TensorRT's kernels may ask for. @default all */
  readonly workspaceBytes?: number
  /** Build even where a plan that fits is there. @default false */
  readonly force?: boolean
  /** Called with what is being done. */
  readonly onProgress?: Say
  readonly signal?: AbortSignal
}

export interface BuiltEngine {
  readonly path: string
  readonly sidecar: PlanSidecar
  /** False when the plan was there already and fitted. */
  readonly isNew: boolean
}

/**
 * Builds strongly typed TensorRT plans from a bundle, for the GPU of this machine. A plan and its description appear
 * under their names only when both are whole. A plan that fits bundle, GPU, TensorRT and profiles is kept.
 *
 * @throws EngineError {@link EngineBuildError} and those of `openBundle`
 */
export async function buildEngines(options: BuildEnginesOptions): Promise<BuiltEngine[]> {
  requireLinux('TensorRT plans cannot be built')
  const bundle = await openBundle(options.bundle, options.signal)
  const { folder, manifest } = bundle
  if (computesOnCpu(manifest.precision)) {
    const built = precisionsWhere(({ device }) => device === 'gpu').join(', ')
    throw new EngineError(
      `the bundle ${folder} is in ${manifest.precision}, but TensorRT plans are built from one of ${built}: a plan ` +
        'computes in the precision of its graph',
      { detail: { code: 'plans-need-gpu-precision', data: {} } },
    )
  }
  if (manifest.attention === 'fused' && options.builder === 'trtexec') {
    throw new EngineError(
      `the bundle ${folder} has fused attention, which only TensorRT's Python bindings can build`,
      { detail: { code: 'attention-needs-bindings', data: {} } },
    )
  }
  const say = options.onProgress ?? (() => {})
  // trtexec says what it builds for only while it builds.
  const target =
    options.builder === 'trtexec' ? undefined : await probeTensorRt(options.python ?? 'python3', options)
  if (target !== undefined) {
    say(`TensorRT ${target.tensorrt} on ${target.gpu}, compute capability ${target.computeCapability}`)
    checkCapability(bundle, target)
  }
  const built: BuiltEngine[] = []
  for (const model of requireHosted(bundle, options.models))
    built.push(await buildOne({ options, bundle, model, target, say }))
  return built
}

/** @throws EngineError for a partner that the bundle does not have */
function requireHosted(
  { folder, manifest }: Bundle,
  models: readonly HostedName[] | undefined,
): readonly HostedName[] {
  const hosted = hostedNames(manifest)
  const missing = models?.find((model) => !hosted.includes(model))
  if (missing === undefined) return models ?? hosted
  throw new EngineError(`the bundle ${folder} has no ${missing}: its models are not rechecked`)
}

/** A builder that does not know its GPU beforehand refuses by itself. */
function checkCapability({ folder, manifest }: Bundle, { gpu, computeCapability }: Target): void {
  const { computeCapability: first = 0 } = precisionFacts(manifest.precision)
  const refuse = (what: string, least: number, code: 'gpu-lacks-precision' | 'no-kernel') =>
    new EngineError(
      `the bundle ${folder} ${what}, which needs a GPU of compute capability ${least.toFixed(1)} or higher; ` +
        `${gpu} has ${computeCapability}`,
      { detail: { code, data: {} } },
    )
  if (Number(computeCapability) < first)
    throw refuse(`is in ${manifest.precision}`, first, 'gpu-lacks-precision')
  if (manifest.attention === 'fused' && Number(computeCapability) < KERNEL_CAPABILITY)
    throw refuse('has fused attention', KERNEL_CAPABILITY, 'no-kernel')
}

/** One plan to build. */
interface Job {
  readonly options: BuildEnginesOptions
  readonly bundle: Bundle
  readonly model: HostedName
  readonly target: Target | undefined
  readonly say: Say
}

async function buildOne(job: Job): Promise<BuiltEngine> {
  const { options, bundle, model, say } = job
  const folder = resolve(options.output, model)
  const bounds = boundsOf(job)
  const longest = Math.max(...bounds)
  if (bundle.manifest.attention === 'fused' && longest > TABLE_POSITIONS) {
    throw new EngineError(
      `a profile of ${longest} tokens: the attention kernel has angles for ${TABLE_POSITIONS}`,
      { detail: { code: 'profile-too-long', data: {} } },
    )
  }
  const shape = {
    model,
    onnx: bundle.pathOf(hostedModel(bundle.manifest, model).graph),
    profiles:
      (await profilesBeside(job, folder, bounds)) ?? profilesFor({ bounds, tokenBudget: chosenBudget(job) }),
    optimizationLevel: options.optimizationLevel ?? 3,
    workspaceBytes: options.workspaceBytes,
  }
  const kept = options.force ? undefined : await fitting(job, shape)
  if (kept !== undefined) {
    say(`${model}: ${kept.path} fits already`, { code: 'kept', data: { again: 'build it' } })
    return kept
  }
  await makeRoom(folder, bundle, model)
  await using files = await beginPlan(resolve(options.output), model, options.timingCache)
  const { environment, contain } = options
  const { plan, timingCache } = files
  const request: BuildRequest = { ...shape, plan, timingCache, environment, contain }
  const { graph, weights } = hostedModel(bundle.manifest, model)
  using reporter = reportBuild(request, weights.bytes, say)
  const { builder = 'python', python = 'python3', trtexec = 'trtexec', signal } = options
  const program = builder === 'python' ? python : trtexec
  const build = () => builders[builder](program, request, reporter.step, signal)
  const { target, seconds } = await bundle.whileVerified([graph, weights], build, signal)
  const sidecar = await describePlan(job, request, { builder, target, seconds })
  const path = await files.commit(sidecar)
  reporter.done(path, seconds)
  return { path, sidecar, isNew: true }
}

/** All that is known of a plan, for the file beside it. Times are UTC. */
async function describePlan(
  { bundle: { manifest, digest }, model }: Job,
  { plan, profiles, optimizationLevel, workspaceBytes }: BuildRequest,
  { builder, target, seconds }: { builder: BuilderName; target: Target; seconds: number },
): Promise<PlanSidecar> {
  const { graph, weights, precision } = hostedModel(manifest, model)
  return {
    format: 'virnucpro-plan',
    version: 1,
    model,
    bundle: digest,
    computeCapability: target.computeCapability,
    tensorrt: target.tensorrt,
    profiles: [...profiles],
    gpu: target.gpu,
    ...(target.memoryBytes !== undefined && { gpuMemoryBytes: target.memoryBytes }),
    graph: { sha256: graph.sha256 },
    weights: { sha256: weights.sha256, bytes: weights.bytes },
    plan: { bytes: (await stat(plan)).size, sha256: await sha256Large(plan) },
    precision,
    attention: manifest.attention ?? 'standard',
    optimizationLevel,
    ...(workspaceBytes !== undefined && { workspaceBytes }),
    builder,
    buildSeconds: Math.round(seconds * 10) / 10,
    built: new Date().toISOString(),
    tool: { name: packageManifest.name, version: packageManifest.version },
  }
}

function boundsOf({ options: { bounds }, model }: Job): readonly number[] {
  if (bounds === undefined) return MODELS[modelOf(model)].profiles
  return 'esm2' in bounds ? bounds[modelOf(model)] : bounds
}

/**
 * The profiles of a plan for other GPUs in the folder, where no budget is asked for and the memory of this one holds their batches: a
 * repository serves one set of profiles, and whole waves of one GPU are not those of another.
 */
async function profilesBeside(
  { options, bundle, model, target }: Job,
  folder: string,
  bounds: readonly number[],
): Promise<PlanSidecar['profiles'] | undefined> {
  if (options.tokenBudget !== undefined || target === undefined) return undefined
  const dimensions = bundle.manifest.models[modelOf(model)]
  const holds = (tokens: number) =>
    target.memoryBytes === undefined ||
    budgetFor(dimensions, holdingOf(bundle.manifest, model), tokens, target.memoryBytes) === tokens
  const names = await readdir(folder).catch(() => [])
  for (const name of names.filter(isPlanFileName).sort()) {
    const path = join(folder, name)
    const sidecar = await readSidecar(path).catch(() => undefined)
    if (sidecar === undefined || sidecar.computeCapability === target.computeCapability) continue
    const { profiles } = sidecar
    const isSame = profiles.map(({ max }) => max[1]).join() === bounds.join()
    const fits = misfit(path, sidecar, model, { bundle, tensorrt: target.tensorrt }) === undefined
    if (isSame && fits && holds(budgetOf(profiles))) return profiles
  }
  return undefined
}

function chosenBudget({ options: { tokenBudget }, bundle, model, target, say }: Job): number {
  const wanted = tokenBudget ?? wholeWaves(MODELS[modelOf(model)].tokenBudget, target?.multiprocessors)
  if (target?.memoryBytes === undefined) return wanted
  const dimensions = bundle.manifest.models[modelOf(model)]
  const holding = holdingOf(bundle.manifest, model)
  const budget = budgetFor(dimensions, holding, wanted, target.memoryBytes)
  if (budget === undefined) {
    const least = gpuBytes(dimensions, holding, LEAST_BUDGET)
    throw new EngineError(
      `${model} needs about ${bytes(least)} of GPU memory even with small batches, ` +
        `${target.gpu} has ${bytes(target.memoryBytes)}. Use a larger GPU or a smaller model.`,
    )
  }
  if (budget < wanted)
    say(`${model}: batches of ${budget} tokens instead of ${wanted}, to fit ${bytes(target.memoryBytes)}`)
  return budget
}

/** The plan that is there, when it is what would be built. */
async function fitting(
  { options, bundle, target }: Job,
  { model, profiles, optimizationLevel }: Pick<BuildRequest, 'model' | 'profiles' | 'optimizationLevel'>,
): Promise<BuiltEngine | undefined> {
  if (target === undefined) return undefined
  const { computeCapability, tensorrt } = target
  const found = await findEngines(options.output, { bundle, computeCapability, tensorrt })
  for (const { path, sidecar, problem } of found) {
    if (problem !== undefined || sidecar?.model !== model) continue
    const same = JSON.stringify(sidecar.profiles) === JSON.stringify(profiles)
    if (same && sidecar.optimizationLevel === optimizationLevel) return { path, sidecar, isNew: false }
  }
  return undefined
}

/** A plan takes what its weights take, and a little. */
async function makeRoom(folder: string, bundle: Bundle, model: HostedName): Promise<void> {
  await mkdir(folder, { recursive: true }).catch(cannotWrite(folder))
  const free = await freeBytes(folder)
  const needed = 1.1 * hostedModel(bundle.manifest, model).weights.bytes + (64 << 20)
  if (free < needed) {
    throw new EngineError(
      `${folder}: the plan of ${model} needs about ${bytes(needed)}, the disk has ${bytes(free)} left. ` +
        'Free some space or choose another disk.',
      { kind: 'inputOutput' },
    )
  }
}
