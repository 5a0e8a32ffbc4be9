import { join } from 'node:path'
import type { GraphOptions, Int8Inputs } from '../graphs/common.ts'
import { esm2EndGraph, esm2LayerGraph } from '../graphs/esm2-parts.ts'
import type { LoadedModel, OpenedEsm2 } from '../load.ts'
import { type BothAccuracy, embedDna, measureBoth } from './accuracy.ts'
import { type CalibrationContext, layerReporter } from './context.ts'
import { InputChannels } from './int8-inputs.ts'
import { LayerFolder } from './layer-folder.ts'
import { type CalibrationOrfs, readOrfs } from './orfs.ts'
import { advance, checkFinite, joinRows, meansOf, startOf } from './states.ts'
import { type Corrected, takeBackFrom } from './take-back.ts'

/** Options of a graph in INT8 whose channels are taken as they are. */
export const UNCALIBRATED: GraphOptions = { int8: () => undefined }

/** Both models, calibrated. */
export interface Int8Model {
  readonly options: { readonly esm2: GraphOptions; readonly dnabert: GraphOptions }
  readonly input: CalibrationOrfs['input']
  readonly accuracy: BothAccuracy
}

export interface CalibratedInt8 extends Corrected {
  readonly divisors: Int8Inputs
}

/**
 * Finds what the channels of the products' inputs are divided by and what embeddings get back, and measures what INT8 costs by
 * running it.
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
    options: { esm2: int8GraphOptions(esm), dnabert: int8GraphOptions(dna) },
    input,
    accuracy,
  }
}

/** Options of a graph in INT8 with what calibration has found for it. */
export function int8GraphOptions({ divisors, correction }: CalibratedInt8): GraphOptions {
  return { int8: divisors, correction }
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
  let rounded = start([...orfs.calibration, ...orfs.heldOut])
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
  const both = await work.run(async (session) => {
    const means = async (states: typeof exact, { length }: CalibrationOrfs['heldOut']) =>
      await meansOf(session, states, length, shape.width)
    return {
      exact: joinRows(await means(calibration, orfs.calibration), await means(exact, orfs.heldOut)),
      rounded: await means(rounded, [...orfs.calibration, ...orfs.heldOut]),
    }
  })
  await work.remove()
  return { ...takeBackFrom(both, orfs, 'in INT8'), divisors: channels.divisors }
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
  const known = await embed(orfs.calibration, { watch: 'channels' })
  for (const [name, values] of channels.all()) checkFinite(values, name, 'DNABERT-S')
  const exact = joinRows(known, await embed(orfs.heldOut, {}))
  const rounded = await embed([...orfs.calibration, ...orfs.heldOut], { int8: channels.divisors })
  const found = takeBackFrom({ exact, rounded }, orfs, 'in INT8', 'DNABERT-S')
  return { ...found, divisors: channels.divisors }
}
