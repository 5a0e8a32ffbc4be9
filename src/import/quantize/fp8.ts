import {
  eachModel,
  forModels,
  type Manifest,
  MODELS,
  type ModelName,
  writeBundleFile,
} from '../../bundle/index.ts'
import { DataType, type Value } from '../../onnx/index.ts'
import type { Fp8Product, Fp8Products, GraphOptions } from '../graphs/common.ts'
import { defaultForms, fp8Form, fusedFp8Form } from '../graphs/form.ts'
import { fp8Scale } from '../graphs/fp8.ts'
import { type Probe, showLargest } from '../graphs/probe.ts'
import type { LanguageModel } from '../open.ts'
import { checkFinite, compareEmbeddings, countCalls, describeDistance, measure } from './accuracy.ts'
import { correctBf16, readBf16Orfs } from './bf16.ts'
import type {
  CalibrationContext,
  ModelRecord,
  OpenedModels,
  QuantizeOptions,
  Quantizer,
} from './calibration.ts'
import { type Corrected, fitCorrection } from './fit-correction.ts'
import { embedWhole, type Frames, follow, type Outputs } from './follow.ts'
import { type CalibrationOrfs, readOrfs } from './orfs.ts'

/** The model whose products are in FP8: nearly all of the work. Others are in BF16. */
const QUANTIZED: ModelName = 'esm2'

/** Where the record is, inside a bundle. */
const CALIBRATION_FILE = `${QUANTIZED}/calibration.json`

/**
 * Room above the largest magnitude that was seen, for sequences to come. It costs nothing but the smallest of
 * E4M3's numbers, see `fp8Scale`; a number cut off would be wrong by any amount.
 */
const HEADROOM = 2

export const fp8: Quantizer = {
  graph: (model, isFused) => ({
    precision: 'bf16',
    ...(model === QUANTIZED
      ? { form: formOf(isFused) }
      : isFused && { form: { attention: 'fused' as const } }),
  }),
  async calibrate(models, options, context) {
    const orfs = await readOrfs(options.calibrate, context.signal, 'FP8')
    const found = await eachModel((name) =>
      name === QUANTIZED
        ? quantize(models, orfs, options, context)
        : besideFp8(models.language[name], options, context),
    )
    return {
      options: forModels((name) => found[name].options),
      ofModels: forModels((name) => found[name].record),
    }
  },
}

function formOf(isFused: boolean) {
  return isFused ? fusedFp8Form : fp8Form
}

interface OfModel {
  readonly options: GraphOptions
  readonly record: ModelRecord
}

async function quantize(
  models: OpenedModels,
  orfs: CalibrationOrfs,
  { tolerance, isFused }: QuantizeOptions,
  context: CalibrationContext,
): Promise<OfModel> {
  const { onProgress, folder } = context
  const model = models.language[QUANTIZED]
  const { calibration, heldOut } = orfs
  onProgress?.(
    `${QUANTIZED}: calibrating FP8 with ${calibration.length} open reading frames, ${heldOut.length} more to check`,
  )
  const products = new Products(tolerance, MODELS[QUANTIZED].label)
  const { exact, rounded, correction } = await calibrateProducts(model, orfs, products, isFused, context)
  const others = await eachModel(async (name) =>
    name === QUANTIZED ? undefined : await embedWhole(models.language[name], heldOut, {}, context),
  )
  const beside = (own: Float32Array) => forModels((name) => others[name] ?? own)
  const equalCalls = await countCalls(heldOut.length, [beside(exact), beside(rounded)], models.mlp)
  const accuracy = { ...compareEmbeddings(rounded, exact, model.shape.width), equalCalls }
  const all = products.all()
  const inBf16 = [...all.keys()].filter((name) => products.fp8(name) === undefined)
  onProgress?.(describe(accuracy, inBf16))
  if (isFused && inBf16.length > 0) onProgress?.(describeMixed(inBf16, model.shape.layers))
  const record = recordOf(all, products.fp8, orfs, tolerance, accuracy)
  const calibrationFile = await writeBundleFile(folder, CALIBRATION_FILE, record)
  const counted = { all: all.size, bf16: inBf16.length }
  return {
    options: { fp8: products.fp8, correction },
    record: { fp8: { calibration: calibrationFile, products: counted, accuracy } },
  }
}

/** A model that is in BF16 beside the one in FP8. */
async function besideFp8(
  model: LanguageModel,
  { calibrate }: QuantizeOptions,
  context: CalibrationContext,
): Promise<OfModel> {
  const orfs = await readBf16Orfs(calibrate, context)
  const found = await correctBf16(model, orfs, context)
  const sequences = orfs.heldOut.length
  const distance = measure(found, sequences)
  context.onProgress?.(
    `${model.name}: weights in BF16 against FP32 on ${sequences} other frames: ${describeDistance(distance)}`,
  )
  return {
    options: { correction: found.correction },
    record: { bf16: { accuracy: { sequences, ...distance } } },
  }
}

/**
 * Follows sequences through the model, in FP32 on the CPU, to learn for every product what its numbers range over and what
 * FP8 would change; beside it all sequences with the products in FP8, for the accuracy.
 *
 * The simulation has the weights of BF16 and rounds what goes into the products to FP8 as TensorRT does; it computes in
 * FP32, where a plan rounds what is between its products to BF16, too.
 */
async function calibrateProducts(
  model: LanguageModel,
  orfs: CalibrationOrfs,
  products: Products,
  isFused: boolean,
  context: CalibrationContext,
): Promise<Corrected> {
  // Angles are computed, for a table would be in every layer. The products are those of the graph that will be written.
  const { projection = 'separate' } = formOf(isFused)
  const form: GraphOptions['form'] = { ...defaultForms.bf16, projection, angles: 'computed' }
  const both = await follow(
    model,
    {
      groups: [orfs.calibration, orfs.heldOut],
      exact: { form, probe: RANGES },
      observe: (outputs) => products.addRanges(outputs),
      check: (where) => products.check(where),
      again: {
        options: () => ({ form, fp8: products.inRange, probe: ERRORS }),
        observe: (outputs, tokens) => products.addErrors(outputs, tokens),
      },
      rounded: () => ({ form, fp8: products.fp8, roundWeights: true }),
      done: 'calibrated',
    },
    context,
  )
  return fitCorrection(both, orfs.calibration.length, model, 'with products in FP8')
}

/** Largest magnitudes of both factors of a product. */
const RANGES: Probe = {
  product(b, { name, x, matrix }) {
    showLargest(b, `${name}:input`, x)
    showLargest(b, `${name}:weight`, matrix)
  },
}

/**
 * How far a product in FP8 is from the exact one, over all tokens: sums of squares of the difference and of the
 * result, FP32 [], and the means of both, FP32 [outputs]. The result is the exact product, or the sum where it is added to
 * something: a product may differ little between tokens, and its error be lost in what the layer goes on with.
 */
const ERRORS: Probe = {
  rounding(b, { name, exact, rounded, onto, outputs }) {
    const show = (x: Value, squares: string, mean: string) => {
      b.output(b.node('ReduceSumSquare', [x], { keepdims: 0 }, `${name}:${squares}`), DataType.float, [])
      const mean_ = b.node('ReduceMean', [x, b.ints([0, 1])], { keepdims: 0 }, `${name}:${mean}`)
      b.output(mean_, DataType.float, [outputs])
    }
    show(b.node('Sub', [rounded, exact]), 'squared_error', 'mean_error')
    show(onto === undefined ? exact : b.node('Add', [exact, onto]), 'squares', 'mean')
  },
}

/** What is known of one product of the model. */
interface ProductCalibration {
  /** Largest magnitudes that were seen. */
  readonly inputMax: number
  readonly weightMax: number
  /**
   * What FP8 changes in the product, relative to how much its result differs between tokens, after the correction of its
   * mean: both as root mean squares over all tokens. The result of a product that is added to something is the sum.
   */
  readonly error: number
  readonly fp8: Fp8Product
}

interface Sums {
  tokens: number
  squaredError: number
  squares: number
  readonly error: Float64Array
  readonly product: Float64Array
}

/** Ranges and errors of every product, gathered over batches. */
class Products {
  readonly #tolerance: number
  readonly #model: string
  readonly #largest = new Map<string, { input: number; weight: number }>()
  readonly #sums = new Map<string, Sums>()

  constructor(tolerance: number, model: string) {
    this.#tolerance = tolerance
    this.#model = model
  }

  addRanges(outputs: Outputs): void {
    for (const name of productsIn(outputs, ':input')) {
      const known = this.#largest.get(name)?.input ?? 0
      const [input, weight] = [outputs[`${name}:input`]![0]!, outputs[`${name}:weight`]![0]!]
      this.#largest.set(name, { input: Math.max(input, known), weight })
    }
  }

  check(where: string | undefined): void {
    for (const [name, { input, weight }] of this.#largest)
      checkFinite([input, weight], `${where} (${name})`, this.#model)
  }

  /** Every product in FP8 with the scales that follow from what was seen. */
  readonly inRange: Fp8Products = (product) => {
    const found = this.#largest.get(product)
    return found && { input: HEADROOM * found.input, weight: found.weight }
  }

  /** @param tokens of the batch */
  addErrors(outputs: Outputs, tokens: number): void {
    for (const name of productsIn(outputs, ':squares')) {
      const of = (output: string) => outputs[`${name}:${output}`]!
      const [difference, product] = [of('mean_error'), of('mean')]
      const sums = this.#sums.get(name) ?? emptySums(product.length)
      sums.tokens += tokens
      sums.squaredError += of('squared_error')[0]!
      sums.squares += of('squares')[0]!
      for (let i = 0; i < product.length; i++) {
        sums.error[i]! += tokens * difference[i]!
        sums.product[i]! += tokens * product[i]!
      }
      this.#sums.set(name, sums)
    }
  }

  all(): Map<string, ProductCalibration> {
    return new Map([...this.#sums.keys()].map((name) => [name, this.#product(name)!]))
  }

  /** Those whose error the tolerance allows. */
  readonly fp8: Fp8Products = (name) => {
    const found = this.#product(name)
    return found !== undefined && found.error <= this.#tolerance ? found.fp8 : undefined
  }

  #product(name: string): ProductCalibration | undefined {
    const [sums, largest, inRange] = [this.#sums.get(name), this.#largest.get(name), this.inRange(name)]
    if (sums === undefined || largest === undefined || inRange === undefined) return undefined
    const correction = Float32Array.from(sums.error, (sum) => -sum / sums.tokens)
    const off = Math.max(0, sums.squaredError - squares(sums.error) / sums.tokens)
    const all = Math.max(0, sums.squares - squares(sums.product) / sums.tokens)
    const error = off === 0 ? 0 : Math.sqrt(off / all)
    return { inputMax: largest.input, weightMax: largest.weight, error, fp8: { ...inRange, correction } }
  }
}

function productsIn(outputs: Outputs, ending: string): string[] {
  return Object.keys(outputs).flatMap((name) => (name.endsWith(ending) ? name.slice(0, -ending.length) : []))
}

function emptySums(outputs: number): Sums {
  const zeros = () => new Float64Array(outputs)
  return { tokens: 0, squaredError: 0, squares: 0, error: zeros(), product: zeros() }
}

function squares(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value * value, 0)
}

type Accuracy = NonNullable<Manifest['models']['esm2']['fp8']>['accuracy']

function describe(accuracy: Accuracy, inBf16: readonly string[]): string {
  const { sequences, equalCalls } = accuracy
  const kept = inBf16.length === 0 ? '' : `; ${inBf16.length} products stay in BF16: ${inBf16.join(', ')}`
  return (
    `${QUANTIZED}: FP8 against FP32 on ${sequences} other frames, simulated: ${describeDistance(accuracy)}, ` +
    `${equalCalls} of ${sequences} calls agree${kept}`
  )
}

/** What products in BF16 cost where a whole layer could be one operator. */
function describeMixed(inBf16: readonly string[], layers: number): string {
  const mixed = new Set(inBf16.map((name) => name.slice(0, name.lastIndexOf('.'))))
  return (
    `${QUANTIZED}: ${mixed.size} of ${layers} layers have a product in BF16. They are computed as separate operators, ` +
    'which are slower than a layer all in FP8'
  )
}

function recordOf(
  products: ReadonlyMap<string, ProductCalibration>,
  fp8: Fp8Products,
  { input, calibration, heldOut }: CalibrationOrfs,
  tolerance: number,
  accuracy: Accuracy,
): string {
  const counted = (frames: Frames) => ({
    sequences: frames.length,
    residues: frames.reduce((sum, { protein }) => sum + protein.length, 0),
  })
  const described = [...products].map(([name, { fp8: scaled, error, ...largest }]) => {
    const scales = { inputScale: fp8Scale(scaled.input), weightScale: fp8Scale(scaled.weight) }
    const precision = fp8(name) === undefined ? 'bf16' : 'fp8'
    return [name, { ...largest, ...scales, error, precision }]
  })
  const record = {
    format: 'virnucpro-fp8-calibration',
    version: 1,
    input: { ...input, calibration: counted(calibration), heldOut: counted(heldOut) },
    tolerance,
    accuracy,
    products: Object.fromEntries(described),
  }
  return `${JSON.stringify(record, null, 2)}\n`
}
