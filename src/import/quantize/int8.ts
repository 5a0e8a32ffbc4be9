import { eachModel, forModels, MODELS } from '../../bundle/index.ts'
import { DataType } from '../../onnx/index.ts'
import type { GraphOptions, Int8Inputs } from '../graphs/common.ts'
import type { Probe } from '../graphs/probe.ts'
import type { LanguageModel } from '../open.ts'
import { checkFinite, measureAll } from './accuracy.ts'
import type { CalibrationContext, Quantizer } from './calibration.ts'
import { type Corrected, fitCorrection } from './fit-correction.ts'
import { follow, type Outputs } from './follow.ts'
import { type CalibrationOrfs, readOrfs } from './orfs.ts'

/** A channel counts at least as this share of the mean: one that was silent here may not be in other sequences. */
const LEAST_SHARE = 1 / 16

/**
 * Finds what the channels of the products' inputs are divided by and the correction of embeddings, and measures what INT8
 * costs by running it.
 */
export const int8: Quantizer = {
  graph: () => ({ int8: () => undefined }),
  async calibrate(models, { calibrate }, context) {
    const orfs = await readOrfs(calibrate, context.signal, 'INT8')
    const { calibration, heldOut, input } = orfs
    context.onProgress?.(
      `calibrating INT8 with ${calibration.length} open reading frames of ${input.name}, ${heldOut.length} more to check`,
    )
    const found = await eachModel((name) => calibrateInt8(models.language[name], orfs, context))
    const accuracy = await measureAll(found, heldOut.length, 'INT8', models, context)
    return { options: forModels((name) => found[name].options), measured: { input, accuracy } }
  },
}

/** One model; the layers in INT8 are those that will be written. */
export async function calibrateInt8(
  model: LanguageModel,
  orfs: CalibrationOrfs,
  context: CalibrationContext,
): Promise<Corrected & { readonly options: GraphOptions }> {
  const { label } = MODELS[model.name]
  const channels = new InputChannels()
  const both = await follow(
    model,
    {
      groups: [orfs.calibration, orfs.heldOut],
      exact: { probe: CHANNELS },
      observe: (outputs) => channels.add(outputs),
      check: (where) => channels.check(label, where),
      rounded: () => ({ int8: channels.divisors }),
      done: 'calibrated',
    },
    context,
  )
  const found = fitCorrection(both, orfs.calibration.length, model, 'in INT8')
  return { ...found, options: { int8: channels.divisors, correction: found.correction } }
}

/** Largest magnitudes of the channels of inputs, and of the weights that each channel meets: FP32 [inputs]. */
const CHANNELS: Probe = {
  product(b, { name, x, matrix, inputs, input, lowest }) {
    // GELU's results are rounded as they are.
    if (lowest !== undefined) return
    const show = (output: string, of: string, axes: number[]) => {
      const largest = b.node('ReduceMax', [b.node('Abs', [of]), b.ints(axes)], { keepdims: 0 })
      b.output(b.node('Identity', [largest], {}, output), DataType.float, [inputs])
    }
    if (name === input) show(`${input}:input:${name}`, x, [0, 1])
    show(`${input}:weight:${name}`, matrix, [1])
  },
}

interface Channels {
  readonly input: Float32Array
  readonly weight: Float32Array
}

/**
 * Largest magnitudes of the channels of every input of products, gathered over batches, and the factors that follow:
 * a channel is divided by the square root of its magnitude over that of its weights, which then are multiplied by it, so that
 * a few large channels do not take the digits of all others (Xiao et al. 2022, arXiv:2211.10438). Exact but for rounding.
 */
class InputChannels {
  /** By the first product of the input. */
  readonly #found = new Map<string, Channels>()

  add(outputs: Outputs): void {
    for (const [name, values] of Object.entries(outputs)) {
      const [input, kind] = name.split(':') as [string, keyof Channels | undefined]
      if (kind === undefined) continue
      const zeros = () => new Float32Array(values.length)
      const found = this.#found.get(input) ?? { input: zeros(), weight: zeros() }
      this.#found.set(input, found)
      const largest = found[kind]
      for (let i = 0; i < values.length; i++) largest[i] = Math.max(largest[i]!, values[i]!)
    }
  }

  check(model: string, where: string | undefined): void {
    for (const [product, { input, weight }] of this.#found) {
      const place = where === undefined ? product : `${where} (${product})`
      checkFinite(input, place, model)
      checkFinite(weight, place, model)
    }
  }

  readonly divisors: Int8Inputs = (product) => {
    const channels = this.#found.get(product)
    if (channels === undefined) return undefined
    const [input, weight] = [atLeastAShare(channels.input), atLeastAShare(channels.weight)]
    const factors = input.map((value, i) => Math.sqrt(value / weight[i]!))
    const typical = Math.exp(mean(factors.map(Math.log)))
    return Number.isFinite(typical) && typical > 0 ? factors.map((factor) => factor / typical) : undefined
  }
}

function atLeastAShare(values: Float32Array): Float32Array {
  const least = LEAST_SHARE * mean(values)
  return values.map((value) => Math.max(value, least))
}

function mean(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
