import {
  type GraphPrecision,
  isRechecked,
  PRECISIONS,
  type Precision,
  precisionFacts,
} from '../../bundle/index.ts'
import { UsageError } from '../../system/errors.ts'
import type { GraphOptions } from '../graphs/common.ts'
import type { LanguageModel } from '../open.ts'
import type { CalibrationContext, QuantizeOptions } from './calibration.ts'
import { graphOptions, QUANTIZERS } from './quantizers.ts'

/**
 * Whether a quantized model gets its partner: `auto` with FP8, `on` always in the usual precision, or in one that is named,
 * which is FP16 beside FP8.
 */
export type RecheckChoice = 'auto' | 'on' | 'off' | 'fp16'

/**
 * The precision of the partner that a bundle gets; undefined where it gets none.
 *
 * @throws UsageError for a partner that the precision has not
 */
export function chosenPartner(
  precision: Precision,
  recheck: RecheckChoice = 'auto',
): GraphPrecision | undefined {
  if (!isRechecked(precision, recheck === 'fp16' ? 'on' : recheck)) return undefined
  const { label, partners = [] } = precisionFacts(precision)
  if (partners.length === 0)
    throw new UsageError(`${label} is not quantized: a model in it has no partner that could recheck it`)
  const found = recheck === 'fp16' ? partners.find((each) => each === recheck) : partners[0]
  if (found !== undefined) return found
  throw new UsageError(
    `a model in ${label} is rechecked in ${partners.map((each) => PRECISIONS[each].label).join(' or ')}`,
  )
}

/** What the graph of a partner is written with: what it has in a bundle of its own precision, calibrated with the same file. */
export async function partnerOptions(
  model: LanguageModel,
  partner: GraphPrecision,
  how: QuantizeOptions | undefined,
  isFused: boolean,
  context: CalibrationContext,
): Promise<GraphOptions> {
  const found = how && (await QUANTIZERS[partner].beside?.(model, how, context))
  return { ...graphOptions(partner, model.name, isFused), ...found }
}
