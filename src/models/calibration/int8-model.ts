import { join } from 'node:path'
import type { GraphOptions, Int8Inputs } from '../graphs/common.ts'
import { esm2EndGraph, esm2LayerGraph } from '../graphs/esm2-parts.ts'
import type { LoadedModel, OpenedEsm2 } from '../load.ts'
import { type BothAccuracy, embedDna, measureBoth, type Rounded } from './accuracy.ts'
import { type CalibrationContext, layerReporter } from './context.ts'
import { InputChannels } from './int8-inputs.ts'
import { LayerFolder } from './layer-folder.ts'
import { type CalibrationOrfs, readOrfs } from './orfs.ts'
import { advance, checkFinite, meansOf, startOf } from './states.ts'

/** Options of a graph in INT8 whose channels are taken as they are. */
export const UNCALIBRATED: GraphOptions = { int8: () => undefined }

/** Both models, calibrated. */
export interface Int8Model {
  readonly options: { readonly esm2: GraphOptions; readonly dnabert: GraphOptions }
  readonly input: CalibrationOrfs['input']
  readonly accuracy: BothAccuracy
}

export interface CalibratedInt8 extends Rounded {
  readonly divisors: Int8Inputs
}

/**
 * Finds what the channels of the products' inputs are divided by, and measures what INT8 costs by running it.
 *
 * @param dnabert path of DNABERT-S
 * @param calibrate FASTA file of nucleotides
 * @throws CalibrationError when it has too few open frames; ModelError when a model gives NaN or infinity
 */
export async function calibrateInt8(
  esm2: OpenedEsm2,
  { dnabert, mlp }: { dnabert: string; mlp: LoadedModel<unknown> },
  calibrate: string,
  context: CalibrationContext,
): Promise<Int8Model> {
  const orfs = await readOrfs(calibrate, context.signal, 'INT8')
  const { calibration, heldOut, input } = orfs
  context.onProgress?.(
    `calibrating INT8 with ${calibration.length} open reading frames of ${input.name}, ${heldOut.length} more to check`,
  )
  const esm = await calibrateEsm2Int8(esm2, orfs, context)
  const dna = await calibrateDnabert(dnabert, orfs, context)
  const accuracy = await measureBoth({ esm2: esm, dnabert_s: dna }, heldOut.length, 'INT8', {
    ...context,
    mlp,
  })
  return {
    options: { esm2: { int8: esm.divisors }, dnabert: { int8: dna.divisors } },
    input,
    accuracy,
  }
}

/** Layer by layer, so that one is in memory at a time; the layers in INT8 are those that will be written. */
export async function calibrateEsm2Int8(
  esm2: OpenedEsm2,
  orfs: CalibrationOrfs,
  context: CalibrationContext,
): Promise<CalibratedInt8> {
  const { folder, signal } = context
  const { shape, tensors, inverseFrequencies } = esm2
  const report = layerReporter(shape.layers, 'calibrated', context)
  const start = await startOf(esm2)
  let calibration = start(orfs.calibration)
  let exact = start(orfs.heldOut)
  let rounded = exact
  const channels = new InputChannels()
  const work = new LayerFolder(join(folder, 'layer'))
  for (let index = 0; index < shape.layers; index++) {
    signal?.throwIfAborted()
    const graph = (more: Omit<GraphOptions, 'precision'>) =>
      esm2LayerGraph(shape, tensors, inverseFrequencies[index]!, index, more)
    await work.write(graph({ watch: 'channels' }))
    calibration = await work.run(async (session) => {
      const next = await advance(session, calibration, (outputs) => channels.add(outputs))
      exact = await advance(session, exact)
      return next
    })
    for (const [name, values] of channels.all()) checkFinite(values, `layer ${index + 1} (${name})`)
    await work.write(graph({ int8: channels.divisors }))
    rounded = await work.run((session) => advance(session, rounded))
    report(index)
  }
  await work.write(esm2EndGraph(shape, tensors))
  const found = await work.run(async (session) => ({
    exact: await meansOf(session, exact, orfs.heldOut.length, shape.width),
    rounded: await meansOf(session, rounded, orfs.heldOut.length, shape.width),
  }))
  await work.remove()
  checkFinite(found.exact, 'its last layer')
  checkFinite(found.rounded, 'its last layer in INT8')
  return { ...found, divisors: channels.divisors }
}

async function calibrateDnabert(
  path: string,
  orfs: CalibrationOrfs,
  context: CalibrationContext,
): Promise<CalibratedInt8> {
  const channels = new InputChannels()
  const embed = (frames: CalibrationOrfs['heldOut'], options: GraphOptions) =>
    embedDna(frames, path, options, context, (outputs) => channels.add(outputs))
  context.onProgress?.('dnabert_s: calibrating')
  await embed(orfs.calibration, { watch: 'channels' })
  for (const [name, values] of channels.all()) checkFinite(values, name, 'DNABERT-S')
  const exact = await embed(orfs.heldOut, {})
  const rounded = await embed(orfs.heldOut, { int8: channels.divisors })
  checkFinite(exact, 'its last layer', 'DNABERT-S')
  checkFinite(rounded, 'its last layer in INT8', 'DNABERT-S')
  return { divisors: channels.divisors, exact, rounded }
}
