import { join } from 'node:path'
import { roundToBfloat16 } from '../../onnx/index.ts'
import type { GraphOptions } from '../graphs/common.ts'
import { esm2EndGraph, esm2LayerGraph } from '../graphs/esm2-parts.ts'
import { type LoadedModel, loadDnabert, type OpenedEsm2 } from '../load.ts'
import { type BothAccuracy, embedDna, measureBoth, type Rounded } from './accuracy.ts'
import { LayerFolder } from './layer-folder.ts'
import { type Corrected, takeBackMean } from './mean-error.ts'
import { type CalibrationOrfs, readOrfs } from './orfs.ts'
import { advance, checkFinite, meansOf, startOf } from './states.ts'

/** Enough for a mean; a model of 3B computes some 50 × 10¹² operations for them. */
const RESIDUES = { calibration: 3072, heldOut: 1536 }
/** Seconds between two messages. */
const EVERY = 5

/** What embeddings get back of what rounding the weights to BF16 takes, both models. */
export interface Bf16Model {
  readonly options: { readonly esm2: GraphOptions; readonly dnabert: GraphOptions }
  readonly input: CalibrationOrfs['input']
  readonly accuracy: BothAccuracy
}

interface Context {
  /** For files that are gone at the end. */
  readonly folder: string
  readonly onProgress?: (message: string) => void
  readonly signal?: AbortSignal
}

/**
 * Finds by how much the embeddings of a model are off on average when its weights are rounded to BF16. That is most of what
 * BF16 changes, and nearly the same for every sequence, so that adding a vector to each embedding takes it back.
 *
 * What is measured has the weights of BF16 and computes in FP32; a plan also rounds what is between its products.
 *
 * @param dnabert path of DNABERT-S
 * @param calibrate FASTA file of nucleotides
 * @throws CalibrationError when it has too few open frames; ModelError when a model gives NaN or infinity
 */
export async function calibrateBf16(
  esm2: OpenedEsm2,
  { dnabert, mlp }: { dnabert: string; mlp: LoadedModel<unknown> },
  calibrate: string,
  context: Context,
): Promise<Bf16Model> {
  const orfs = await readOrfs(calibrate, context.signal, 'BF16', RESIDUES)
  const { calibration, heldOut, input } = orfs
  context.onProgress?.(
    `taking back the mean error of BF16, found with ${calibration.length} open reading frames of ${input.name}, ` +
      `${heldOut.length} more to check`,
  )
  const found = {
    dnabert_s: await correctDnabert(dnabert, orfs, context),
    esm2: await correctEsm2(esm2, orfs, context),
  }
  const accuracy = await measureBoth(found, heldOut.length, 'weights in BF16', { ...context, mlp })
  return {
    options: { esm2: { offset: found.esm2.offset }, dnabert: { offset: found.dnabert_s.offset } },
    input,
    accuracy,
  }
}

/** The same for DNABERT-S alone, which is in BF16 beside an ESM-2 in FP8. */
export async function offsetOfDnabert(
  dnabert: string,
  { calibrate }: { calibrate: string },
  context: Context,
): Promise<GraphOptions> {
  const orfs = await readOrfs(calibrate, context.signal, 'BF16', RESIDUES)
  const { offset } = await correctDnabert(dnabert, orfs, context)
  return { offset }
}

/** Layer by layer, so that one is in memory at a time. */
async function correctEsm2(
  { shape, tensors, inverseFrequencies }: OpenedEsm2,
  orfs: CalibrationOrfs,
  { folder, onProgress, signal }: Context,
): Promise<Corrected> {
  const frames = [...orfs.calibration, ...orfs.heldOut]
  let exact = (await startOf({ shape, tensors }))(frames)
  let rounded = (await startOf({ shape, tensors }, roundToBfloat16))(frames)
  const work = new LayerFolder(join(folder, 'layer'))
  let told = performance.now()
  for (let index = 0; index < shape.layers; index++) {
    signal?.throwIfAborted()
    const graph = (options: GraphOptions) =>
      esm2LayerGraph(shape, tensors, inverseFrequencies[index]!, index, options)
    await work.write(graph({}))
    exact = await work.run((session) => advance(session, exact))
    await work.write(graph({ roundWeights: true }))
    rounded = await work.run((session) => advance(session, rounded))
    if (index + 1 === shape.layers || performance.now() - told > EVERY * 1000) {
      told = performance.now()
      onProgress?.(`esm2: compared layer ${index + 1} of ${shape.layers}`)
    }
  }
  const means = async (states: typeof exact, options: Pick<GraphOptions, 'roundWeights'>) => {
    await work.write(esm2EndGraph(shape, tensors, options))
    return await work.run((session) => meansOf(session, states, frames.length, shape.width))
  }
  const found = { exact: await means(exact, {}), rounded: await means(rounded, { roundWeights: true }) }
  await work.remove()
  return corrected(found, orfs, shape.width, 'ESM-2')
}

/** As a whole: half a gigabyte. */
async function correctDnabert(
  path: string,
  orfs: CalibrationOrfs,
  { folder, onProgress, signal }: Context,
): Promise<Corrected> {
  const frames = [...orfs.calibration, ...orfs.heldOut]
  const embed = async (options: GraphOptions) => {
    await using model = await loadDnabert(path, options)
    return await embedDna(frames, model, join(folder, 'dnabert'), undefined, signal)
  }
  onProgress?.('dnabert_s: comparing')
  const found = { exact: await embed({}), rounded: await embed({ roundWeights: true }) }
  return corrected(found, orfs, found.exact.length / frames.length, 'DNABERT-S')
}

function corrected(both: Rounded, { calibration }: CalibrationOrfs, width: number, model: string): Corrected {
  checkFinite(both.exact, 'its last layer', model)
  checkFinite(both.rounded, 'its last layer with weights in BF16', model)
  return takeBackMean(both, calibration.length, width)
}
