import { eachModel, forModels } from '../../bundle/index.ts'
import type { LanguageModel } from '../open.ts'
import { measureAll } from './accuracy.ts'
import type { CalibrationContext, Quantizer } from './calibration.ts'
import { type Corrected, fitCorrection } from './fit-correction.ts'
import { follow } from './follow.ts'
import { type CalibrationOrfs, readOrfs } from './orfs.ts'

/** Some twenty frames, of which more gain little; a model of 3B computes some 50 × 10¹² operations for them. */
const RESIDUES = { calibration: 3072, heldOut: 1536 }

/**
 * Finds by how much embeddings are off when weights are rounded to BF16. That is most of what BF16 changes, and much of it
 * follows from an embedding itself: see `fitCorrection`.
 *
 * What is measured has the weights of BF16 and computes in FP32; a plan also rounds what is between its products.
 */
export const bf16: Quantizer = {
  async calibrate(models, { calibrate }, context) {
    const orfs = await readBf16Orfs(calibrate, context)
    const { calibration, heldOut, input } = orfs
    context.onProgress?.(
      `correcting embeddings for BF16, found with ${calibration.length} open reading frames of ${input.name}, ` +
        `${heldOut.length} more to check`,
    )
    const found = await eachModel((name) => correctBf16(models.language[name], orfs, context))
    const accuracy = await measureAll(found, heldOut.length, 'weights in BF16', models, context)
    return {
      options: forModels((name) => ({ correction: found[name].correction })),
      measured: { input, accuracy },
    }
  },
  async beside(model, { calibrate }, context) {
    const orfs = await readBf16Orfs(calibrate, context)
    context.onProgress?.(`${model.name}: correcting embeddings for BF16, in which it is rechecked`)
    const { correction } = await correctBf16(model, orfs, context)
    return { correction }
  },
}

export function readBf16Orfs(calibrate: string, { signal }: CalibrationContext): Promise<CalibrationOrfs> {
  return readOrfs(calibrate, signal, 'BF16', RESIDUES)
}

/** The correction of one model with weights in BF16. */
export async function correctBf16(
  model: LanguageModel,
  orfs: CalibrationOrfs,
  context: CalibrationContext,
): Promise<Corrected> {
  const groups = [[...orfs.calibration, ...orfs.heldOut]]
  const both = await follow(model, { groups, rounded: { roundWeights: true }, done: 'compared' }, context)
  return fitCorrection(both, orfs.calibration.length, model, 'with weights in BF16')
}
