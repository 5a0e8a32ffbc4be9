import {
  isRechecked,
  PRECISION_NAMES,
  precisionFacts,
  type RecheckBounds,
  type RecheckFacts,
} from '../bundle/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import type { Detail } from '../system/error-codes.ts'
import { UsageError } from '../system/errors.ts'
import type { Logger } from '../system/logger.ts'
import { sha256 } from '../system/sha256.ts'
import type { ModelInput } from './model-input.ts'

/** That a run rechecks frames, and what it goes by. */
export interface RecheckPlan {
  readonly facts: RecheckFacts
  readonly bounds: RecheckBounds
  /** For the identity of the run: equal where the same frames are rechecked with the same model. */
  readonly identity: string
}

/** The same with how the models of the recheck read frames. */
export interface RunRecheck extends RecheckPlan {
  /** In the order of the columns of the features. */
  readonly inputs: readonly ModelInput[]
  /** Residues of a protein that enter ESM-2; infinite where all do. */
  readonly mostResidues: number
}

interface RecheckRequest {
  /** Undefined counts as `auto`: callers of the library may know nothing of it. */
  readonly asked: PredictOptions['recheck'] | undefined
  /** What can be rechecked; undefined where nothing can. */
  readonly facts: RecheckFacts | undefined
  /** What computes ESM-2. */
  readonly precision: string
  /** SHA-256 of the graph of the classifier. */
  readonly classifier: string
}

/**
 * Decides whether a run rechecks frames. Unless it is asked for, it does where that is what the precision is made for.
 *
 * @throws UsageError where it is asked for and not possible
 */
export function planRecheck(request: RecheckRequest, logger: Logger): RecheckPlan | undefined {
  const { asked, facts, precision, classifier } = request
  const quantized = facts?.quantized ?? PRECISION_NAMES.find((name) => name === precision)
  // Of a precision that this program does not know nothing is rechecked, unless it is asked for.
  if (quantized === undefined ? asked !== 'on' : !isRechecked(quantized, asked)) return undefined
  const bounds = facts?.bounds(classifier)
  if (facts !== undefined && bounds !== undefined) {
    const { name, partner } = facts
    const identity = `${name} in ${partner} within ${sha256(JSON.stringify(bounds)).slice(0, 16)}`
    return { facts, bounds, identity }
  }
  const label = quantized === undefined ? precision : precisionFacts(quantized).label
  const problem =
    facts === undefined
      ? `there is no more precise model beside the one in ${label} to recheck frames with`
      : `how far scores in ${label} may be off was not measured with this classifier`
  const detail: Detail =
    facts === undefined ? { code: 'no-partner', data: {} } : { code: 'no-bounds', data: {} }
  if (asked === 'on') throw new UsageError(`frames cannot be rechecked: ${problem}`, { detail })
  logger.warn(`calls are those of ${label}: ${problem}`, detail)
  return undefined
}
