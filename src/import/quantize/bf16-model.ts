import { roundToBfloat16 } from '../../onnx/index.ts'
import type { GraphOptions } from '../graphs/common.ts'
import type { LoadedModel, OpenedEsm2 } from '../load.ts'
import { type BothAccuracy, type Distance, describe, embedDna, measure, measureBoth } from './accuracy.ts'
import type { CalibrationContext } from './context.ts'
import { followTwice } from './follow.ts'
import { type CalibrationOrfs, readOrfs } from './orfs.ts'
import { type Corrected, takeBackFrom } from './take-back.ts'

/** Some twenty frames, of which more gain little; a model of 3B computes some 50 × 10¹² operations for them. */
const RESIDUES = { calibration: 3072, heldOut: 1536 }

/** What embeddings get back of what rounding the weights to BF16 takes, both models. */
export interface Bf16Model {
  readonly options: { readonly esm2: GraphOptions; readonly dnabert: GraphOptions }
  readonly input: CalibrationOrfs['input']
  readonly accuracy: BothAccuracy
}

/**
 * Finds by how much the embeddings of a model are off when its weights are rounded to BF16. That is most of what BF16
 * changes, and much of it can be told from an embedding: see `takeBack`.
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
  context: CalibrationContext,
): Promise<Bf16Model> {
  const orfs = await readOrfs(calibrate, context.signal, 'BF16', RESIDUES)
  const { calibration, heldOut, input } = orfs
  context.onProgress?.(
    `taking back what BF16 does to embeddings, found with ${calibration.length} open reading frames of ${input.name}, ` +
      `${heldOut.length} more to check`,
  )
  const found = {
    dnabert_s: await correctDnabert(dnabert, orfs, context),
    esm2: await correctEsm2(esm2, orfs, context),
  }
  const accuracy = await measureBoth(found, heldOut.length, 'weights in BF16', { ...context, mlp })
  return {
    options: {
      esm2: { correction: found.esm2.correction },
      dnabert: { correction: found.dnabert_s.correction },
    },
    input,
    accuracy,
  }
}

/** What embeddings of DNABERT-S get back. */
export interface Bf16Dnabert {
  readonly options: GraphOptions
  readonly accuracy: Distance & { readonly sequences: number }
}

/** As {@link calibrateBf16} for DNABERT-S alone, which is in BF16 beside an ESM-2 in FP8. */
export async function calibrateDnabertBf16(
  dnabert: string,
  calibrate: string,
  context: CalibrationContext,
): Promise<Bf16Dnabert> {
  const orfs = await readOrfs(calibrate, context.signal, 'BF16', RESIDUES)
  const found = await correctDnabert(dnabert, orfs, context)
  const sequences = orfs.heldOut.length
  const distance = measure(found, sequences)
  context.onProgress?.(describe('dnabert_s', 'weights in BF16', `${sequences} other frames`, distance))
  return { options: { correction: found.correction }, accuracy: { sequences, ...distance } }
}

async function correctEsm2(
  esm2: OpenedEsm2,
  orfs: CalibrationOrfs,
  context: CalibrationContext,
): Promise<Corrected> {
  const frames = [...orfs.calibration, ...orfs.heldOut]
  const how = { asStored: roundToBfloat16, rounded: { roundWeights: true }, done: 'compared' }
  return takeBackFrom(await followTwice(esm2, frames, how, context), orfs, 'with weights in BF16')
}

async function correctDnabert(
  path: string,
  orfs: CalibrationOrfs,
  context: CalibrationContext,
): Promise<Corrected> {
  const frames = [...orfs.calibration, ...orfs.heldOut]
  const embed = (options: GraphOptions) => embedDna(frames, path, options, context)
  context.onProgress?.('dnabert_s: comparing weights in BF16 with those in FP32')
  const found = { exact: await embed({}), rounded: await embed({ roundWeights: true }) }
  return takeBackFrom(found, orfs, 'with weights in BF16', 'DNABERT-S')
}
