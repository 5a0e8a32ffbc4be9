import { copyFileSync, mkdirSync, renameSync } from 'node:fs'
import { resolve } from 'node:path'
import { openBundle } from '../../src/bundle/index.ts'
import { buildRepository } from '../../src/server/repository/index.ts'
import { compile } from './compile.ts'
import { demoBundle, writePlans } from './plans.ts'
import { versionFolder } from './triton.ts'

const fixture = (name: string) => resolve(import.meta.dir, 'gpu', name)

export interface GpuModel {
  /** What a batch takes. */
  readonly milliseconds: number
  /** Numbers in an embedding. @default as the demo bundle has it */
  readonly width?: number
}

export interface GpuRepository {
  readonly esm2: GpuModel
  readonly dnabert_s: GpuModel
  /** Padded tokens of a batch that the GPU has memory for. @default any */
  readonly memoryTokens?: number
  /** Whether requests have response senders, as they have from Triton 24.07 on. @default true */
  readonly senders?: boolean
}

/** Most rows of batches up to so many tokens. */
const PROFILES = [
  [
    [1, 1],
    [320, 51],
    [2048, 64],
  ],
  [
    [1, 65],
    [96, 168],
    [1024, 256],
  ],
]

/**
 * The repository that `repository build --backend python --plans` makes from the demo bundle, with stand-ins for the
 * CUDA runtime and TensorRT: what the project has of its own runs, and a GPU does not. The embedding of a row is the sum
 * of its ids plus 0, 1, 2, …; a first id of 31 gives NaN, and one of 32 breaks the GPU for good.
 *
 * @returns the environment for the server
 */
export async function writeGpuRepository(
  folder: string,
  options: GpuRepository,
): Promise<{ repository: string; env: Record<string, string> }> {
  const { digest, manifest } = await openBundle(demoBundle)
  const plans = `${folder}/plans`
  const profiles = PROFILES.map(([min, opt, max]) => ({ min, opt, max }))
  // The contents follow below, so that no digest of them can be given.
  writePlans(plans, digest, { profiles, plan: undefined })
  const repository = `${folder}/repository`
  const width = (model: 'esm2' | 'dnabert_s') => options[model].width ?? manifest.models[model].dimension
  for (const model of ['esm2', 'dnabert_s'] as const) {
    await Bun.write(
      `${plans}/${model}/model_sm90.plan`,
      JSON.stringify({
        width: width(model),
        milliseconds: options[model].milliseconds,
        memory_tokens: options.memoryTokens ?? 1e9,
        profiles: PROFILES,
      }),
    )
  }
  await buildRepository({ bundle: demoBundle, backend: 'python', plans, output: repository })
  for (const model of ['esm2', 'dnabert_s'] as const) {
    const version = versionFolder(repository, model)
    renameSync(`${version}/model.py`, `${version}/plan.py`)
    copyFileSync(fixture('model.py'), `${version}/model.py`)
    copyFileSync(fixture('tensorrt.py'), `${version}/tensorrt.py`)
    const config = Bun.file(`${repository}/${model}/config.pbtxt`)
    const senders = `  { key: "senders" value: { string_value: "${options.senders === false ? 'no' : 'yes'}" } },`
    const text = (await config.text())
      .replace('KIND_GPU', 'KIND_CPU')
      .replace('parameters [', `parameters [\n${senders}`)
      .replace(/dims: \[ -1, \d+ \]/, `dims: [ -1, ${width(model)} ]`)
    await Bun.write(config, text)
  }
  const libraries = `${folder}/lib`
  mkdirSync(libraries, { recursive: true })
  await compile(fixture('cudart.c'), `${libraries}/libcudart.so.12`, '-shared', '-fPIC', '-pthread')
  return { repository, env: { LD_LIBRARY_PATH: libraries } }
}
