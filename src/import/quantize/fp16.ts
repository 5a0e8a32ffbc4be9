import { eachModel, forModels, MODELS, ModelError } from '../../bundle/index.ts'
import { areFinite } from '../../system/finite.ts'
import { type Probe, showLargest } from '../graphs/probe.ts'
import { FP16_END } from '../graphs/tensors.ts'
import type { LanguageModel } from '../open.ts'
import { checkFinite, measureAll, type Rounded } from './accuracy.ts'
import type { CalibrationContext, Quantizer } from './calibration.ts'
import { type Frames, follow, type Outputs } from './follow.ts'
import { readOrfs } from './orfs.ts'

/** Some twenty frames: magnitudes inside a model differ little from one to the next. */
const RESIDUES = { calibration: 2048, heldOut: 1024 }

/** What is seen must be at most this share of it: other sequences may have larger numbers. */
const MOST_SHARE = 0.5

/**
 * Follows frames through the models in FP32, to see that all numbers inside fit FP16, and once more in FP16, to measure what
 * that costs. Nothing is calibrated, so that all frames count for the accuracy.
 *
 * ONNX Runtime computes FP16 on a CPU in FP32 and rounds results, though not each of them.
 */
export const fp16: Quantizer = {
  async calibrate(models, { calibrate }, context) {
    const { calibration, heldOut, input } = await readOrfs(calibrate, context.signal, 'FP16', RESIDUES)
    const frames = [...calibration, ...heldOut]
    context.onProgress?.(
      `trying FP16 with ${frames.length} open reading frames of ${input.name}: do all numbers fit, and what does it cost`,
    )
    const magnitudes = forModels((name) => new Magnitudes(MODELS[name].label))
    const found = await eachModel((name) => tried(models.language[name], frames, magnitudes[name], context))
    const largest = Math.max(...Object.values(magnitudes).map((each) => each.largest))
    context.onProgress?.(
      `largest number inside the models ${shown(largest)}, of ${shown(FP16_END)} that FP16 has`,
    )
    const accuracy = await measureAll(found, frames.length, 'FP16', models, context, 'frames')
    return { options: {}, measured: { input, accuracy, largest } }
  },
  async beside(model, { calibrate }, context) {
    const { calibration, heldOut } = await readOrfs(calibrate, context.signal, 'FP16', RESIDUES)
    context.onProgress?.(`${model.name}: trying FP16, in which it is rechecked`)
    const magnitudes = new Magnitudes(MODELS[model.name].label)
    await tried(model, [...calibration, ...heldOut], magnitudes, context)
    return {}
  },
}

async function tried(
  model: LanguageModel,
  frames: Frames,
  magnitudes: Magnitudes,
  context: CalibrationContext,
): Promise<Rounded> {
  const how = {
    groups: [frames],
    exact: { probe: MAGNITUDES },
    observe: (outputs: Outputs) => magnitudes.add(outputs),
    check: () => magnitudes.check(),
    rounded: { precision: 'fp16' },
    done: 'tried',
  } as const
  const found = await follow(model, how, context)
  // FP32 has no trouble with such embeddings.
  if (areFinite(found.rounded)) return found
  throw beyondFp16(`${MODELS[model.name].label} gives NaN or infinity in FP16, though not in FP32`)
}

/** The largest magnitudes of products, of what goes into them, of scores of attention, and of sums between layers. */
const MAGNITUDES: Probe = {
  product(b, { name, x, matrix }) {
    showLargest(b, `${name}:input`, x)
    showLargest(b, `${name}:weights`, matrix)
  },
  result: (b, name, x) => showLargest(b, `${name}:result`, x),
}

/** What an output of that probe is about, in words for people, layers from 1; undefined for any other output. */
function placeOf(output: string): string | undefined {
  const [, layer, part, kind] = /^(?:layers\.(\d+)\.)?(.+):(input|weights|result)$/.exec(output) ?? []
  if (kind === undefined) return undefined
  const what = { input: 'what goes into ', weights: 'weights of ', result: '' }[kind]
  return `${what}${part}${layer === undefined ? '' : ` in layer ${Number(layer) + 1}`}`
}

/** The largest magnitude among the numbers of a model, and where it was seen. */
class Magnitudes {
  readonly #model: string
  #where = ''
  largest = 0

  constructor(model: string) {
    this.#model = model
  }

  /** @throws ModelError when there is NaN or infinity */
  add(outputs: Outputs): void {
    for (const [name, values] of Object.entries(outputs)) {
      const where = placeOf(name)
      if (where === undefined) continue
      checkFinite(values, where, this.#model)
      const [magnitude = 0] = values
      if (magnitude <= this.largest) continue
      this.largest = magnitude
      this.#where = where
    }
  }

  /** @throws ModelError when FP16 leaves too little room */
  check(): void {
    if (this.largest <= MOST_SHARE * FP16_END) return
    const room = this.largest > FP16_END ? '' : ', and other sequences may need twice as much room'
    throw beyondFp16(
      `numbers inside ${this.#model} reach ${shown(this.largest)} (${this.#where}); FP16 ends at ${shown(FP16_END)}${room}`,
    )
  }
}

function beyondFp16(message: string): ModelError {
  return new ModelError(message, { detail: { code: 'beyond-fp16', data: {} } })
}

function shown(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 0 })
}
