import { join } from 'node:path'
import { type InferenceSession, roundToBfloat16 } from '../../onnx/index.ts'
import type { Fp8Products, GraphOptions } from '../graphs/common.ts'
import type { Correction } from '../graphs/correction.ts'
import { esm2EndGraph, esm2LayerGraph } from '../graphs/esm2-parts.ts'
import { defaultForms, fp8Form, type GraphForm } from '../graphs/form.ts'
import type { OpenedEsm2 } from '../load.ts'
import { type CalibrationContext, layerReporter } from './context.ts'
import { LayerFolder } from './layer-folder.ts'
import type { CalibrationOrfs } from './orfs.ts'
import { Errors, type ProductCalibration, Ranges } from './products.ts'
import { advance, checkFinite, joinRows, meansOf, runStates, startOf } from './states.ts'
import { takeBackFrom } from './take-back.ts'

export interface CalibrateOptions extends CalibrationContext {
  /** Products whose error is larger stay in BF16. */
  readonly tolerance: number
  /** Products of queries, keys and values, as the graph that will be written has them. @default that of `fp8Form` */
  readonly projection?: GraphForm['projection'] | undefined
}

export interface Esm2Calibration {
  readonly products: ReadonlyMap<string, ProductCalibration>
  /** Those that `tolerance` lets be in FP8. */
  readonly fp8: Fp8Products
  /** What every embedding gets back of what FP8 and BF16 take. */
  readonly correction: Correction
  /** Embeddings of the held-out frames, row-major [frames, width]: by the FP32 model, and as with products in FP8. */
  readonly exact: Float32Array
  readonly simulated: Float32Array
}

/** Angles are computed, for a table would be in every layer. */
const FORM = { ...defaultForms.bf16, ...fp8Form, angles: 'computed' } as const

/**
 * Follows sequences through ESM-2 layer by layer, in FP32 on the CPU, to learn for every product what its numbers
 * range over and what FP8 would change; beside it other sequences with the products in FP8, for the accuracy. One
 * layer is in memory and on disk at a time, so a model of any size can be calibrated where two of its layers fit.
 *
 * The simulation has the weights of BF16 and rounds what goes into the products to FP8 as TensorRT does; it computes in
 * FP32, where a plan rounds what is between its products to BF16, too.
 *
 * @throws ModelError when the model gives NaN or infinity
 */
export async function calibrateEsm2(
  model: OpenedEsm2,
  orfs: CalibrationOrfs,
  options: CalibrateOptions,
): Promise<Esm2Calibration> {
  const { shape, tensors } = model
  const start = await startOf(model)
  let calibration = start(orfs.calibration)
  let exact = start(orfs.heldOut)
  let simulated = (await startOf(model, roundToBfloat16))([...orfs.calibration, ...orfs.heldOut])
  const products = new Map<string, ProductCalibration>()
  const fp8: Fp8Products = (name) => {
    const found = products.get(name)
    return found !== undefined && found.error <= options.tolerance ? found.fp8 : undefined
  }
  const form = { ...FORM, ...(options.projection && { projection: options.projection }) }
  const work = new LayerFolder(join(options.folder, 'layer'))
  const report = layerReporter(shape.layers, 'calibrated', options)
  for (let index = 0; index < shape.layers; index++) {
    options.signal?.throwIfAborted()
    const graph = (more: Omit<GraphOptions, 'precision'>) =>
      esm2LayerGraph(shape, tensors, model.inverseFrequencies[index]!, index, { form, ...more })
    await work.write(graph({ watch: 'ranges' }))
    const ranges = await work.run(async (session) => {
      const found = new Ranges(productsOf(session))
      const next = await advance(session, calibration, (outputs) => found.add(outputs))
      exact = await advance(session, exact)
      return { found, next }
    })
    for (const [name, { input, weight }] of ranges.found.largest) {
      checkFinite([input, weight], `layer ${index + 1} (${name})`)
    }
    await work.rewriteGraph(graph({ watch: 'errors', fp8: ranges.found.fp8 }))
    const errors = new Errors([...ranges.found.largest.keys()])
    await work.run(async (session) => {
      for (const states of calibration) {
        errors.add(await runStates(session, states), states.members.length * states.length)
      }
    })
    for (const [name, product] of errors.products(ranges.found)) products.set(name, product)
    calibration = ranges.next
    await work.write(graph({ fp8, roundWeights: true }))
    simulated = await work.run((session) => advance(session, simulated))
    report(index)
  }
  const means = async (states: typeof exact, frames: CalibrationOrfs['heldOut']) =>
    await work.run((session) => meansOf(session, states, frames.length, shape.width))
  await work.write(esm2EndGraph(shape, tensors))
  const known = await means(calibration, orfs.calibration)
  const others = await means(exact, orfs.heldOut)
  await work.write(esm2EndGraph(shape, tensors, { roundWeights: true }))
  const rounded = await means(simulated, [...orfs.calibration, ...orfs.heldOut])
  await work.remove()
  const found = takeBackFrom({ exact: joinRows(known, others), rounded }, orfs, 'with products in FP8')
  return { products, fp8, correction: found.correction, exact: found.exact, simulated: found.rounded }
}

function productsOf(session: InferenceSession): string[] {
  const ending = ':input_max'
  return session.outputNames
    .filter((name) => name.endsWith(ending))
    .map((name) => name.slice(0, -ending.length))
}
