import type { PartScores } from '../../checkpoint/index.ts'
import { type Bounds, logit } from '../../recheck/index.ts'
import type { Summary } from '../../report/index.ts'
import type { Logger } from '../../system/logger.ts'
import { count } from '../../text/numbers.ts'
import { isAuditedIn, tokensIn } from '../frame-facts.ts'
import type { RecheckPlan } from '../recheck-plan.ts'

/** What the recheck of a run has found. */
export type RecheckAudit = NonNullable<Summary['recheck']>

/** An audit of nothing so far. */
export function auditOf({ facts, bounds }: RecheckPlan): RecheckAudit {
  const { frames, factor, classes } = bounds
  return {
    quantized: facts.quantized,
    partner: facts.partner,
    calibration: { frames, factor },
    classes: classes.map(({ upTo, bound }) => ({ upTo, bound, frames: 0, largest: 0, exceeded: false })),
    ...{ rechecked: 0, audited: 0, beyond: 0 },
  }
}

/**
 * Compares both scores of frames of a part. A length class in which one is off by more than the bound is done in full from now
 * on.
 *
 * @param rows - of the frames
 */
export function compare(
  audit: RecheckAudit,
  bounds: Bounds,
  { facts, scores }: PartScores,
  rechecked: PartScores,
  rows: ReadonlySet<number>,
): void {
  for (const [at, id] of rechecked.ids.entries()) {
    const row = Number(id)
    const fact = facts?.[row]
    if (fact === undefined || !rows.has(row)) continue
    audit.rechecked++
    if (isAuditedIn(fact)) audit.audited++
    const place = bounds.classOf(tokensIn(fact))
    const found = place === undefined ? undefined : audit.classes[place]
    if (place === undefined || found === undefined) {
      audit.beyond++
      continue
    }
    const of = (all: Float32Array, i: number) => logit(all[2 * i] as number, all[2 * i + 1] as number)
    const difference = Math.abs(of(scores, row) - of(rechecked.scores, at))
    found.frames++
    found.largest = Math.max(found.largest, difference)
    // Not a number is no reason to trust the class either.
    if (difference <= found.bound) continue
    found.exceeded = true
    bounds.violated.add(place)
  }
}

/** The closing line about a recheck. @param frames - with a score */
export function reportRecheck(audit: RecheckAudit, frames: number, logger: Logger): void {
  const { quantized, partner, rechecked, audited, classes } = audit
  const share = frames === 0 ? 0 : (100 * rechecked) / frames
  const seen = classes.filter((each) => each.frames > 0)
  const bounds = seen.map(
    ({ upTo, largest, bound }) => `${largest.toPrecision(3)} of ${bound.toPrecision(3)} up to ${upTo} tokens`,
  )
  logger.info(
    `${quantized}, rechecked in ${partner}: ${rechecked} of ${count(frames, 'frame')} (${share.toFixed(1)} %), ` +
      `${audited} of them to compare; largest difference of logits, and its bound: ${bounds.join(', ') || 'none'}`,
  )
}
