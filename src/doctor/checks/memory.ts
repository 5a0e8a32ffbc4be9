import { type Bundle, computesOnCpu, MODEL_NAMES } from '../../bundle/index.ts'
import { CPU_TOKEN_BUDGET } from '../../settings/index.ts'
import { bytes } from '../../text/numbers.ts'
import type { Examination } from '../examination.ts'
import { type Check, ok, problem, warning } from '../finding.ts'

/** The program itself with two windows of 10,000 frames, and what ONNX Runtime takes beside the weights. */
const BASE_BYTES = 1e9

export default {
  id: 'memory',
  title: 'Memory',
  about: 'memory that this process may use, against what the models need where they compute in this process',
  remedy: 'virnucpro setup --precision int8',
  async examine(examination) {
    const { memoryBytes } = await examination.facts()
    const have = `${bytes(memoryBytes)} may be used`
    const bundle = await examination.bundle().catch(() => undefined)
    const onGpus = await computesOnGpus(examination)
    if (bundle === undefined || onGpus) {
      const needed = BASE_BYTES + (onGpus ? largestWeights(bundle) : 0)
      if (memoryBytes >= needed) return ok(have)
      return warning(
        `${have}, and a run takes about ${bytes(needed)}`,
        'give the job or the container more memory',
      )
    }
    if (!computesOnCpu(bundle.manifest.precision)) return ok(have)
    const needed = neededInProcess(bundle)
    const text = `${have}, and the models in ${bundle.manifest.precision.toUpperCase()} take about ${bytes(needed)} on the processor`
    const isSmallest = bundle.manifest.precision === 'int8'
    const remedy = isSmallest ? 'use a machine with more memory, or with a GPU' : this.remedy
    if (memoryBytes >= 1.2 * needed) return ok(text)
    return memoryBytes >= needed
      ? warning(`${text}, which leaves little for others`, remedy)
      : problem(text, remedy)
  },
} satisfies Check

async function computesOnGpus({ gpus, home }: Examination): Promise<boolean> {
  return (await gpus()).length > 0 && (await home().catch(() => undefined))?.gpu !== undefined
}

/** A server reads the plan of one model after the other, and has it twice on the way to the GPU at worst. */
function largestWeights(bundle: Bundle | undefined): number {
  if (bundle === undefined) return 0
  return Math.max(...MODEL_NAMES.map((name) => bundle.manifest.models[name].weights.bytes))
}

/** Weights, and the widest numbers inside a layer for one batch. */
function neededInProcess({ manifest: { models } }: Bundle): number {
  const weights = MODEL_NAMES.reduce((sum, name) => sum + models[name].weights.bytes, 0)
  const inside = MODEL_NAMES.map(
    (name) => CPU_TOKEN_BUDGET * 4 * (2 * models[name].hidden + 8 * models[name].width),
  )
  return BASE_BYTES + weights + Math.max(...inside)
}
