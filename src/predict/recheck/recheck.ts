import { BitSet, Bounds } from '../../recheck/index.ts'
import { count } from '../../text/numbers.ts'
import type { IncompletePart, Run } from '../context.ts'
import type { RunRecheck } from '../recheck-plan.ts'
import { auditOf, compare, type RecheckAudit } from './audit.ts'
import { computeFrames } from './compute.ts'
import { rowsOf } from './rechecked-run.ts'
import { selectFrames } from './select.ts'

/** What the recheck of a run came to. */
export interface Rechecked {
  /** Numbers of the frames that were computed once more, among those of the run, from 0. */
  readonly exact: BitSet
  /** Parts with a frame that could not be. */
  readonly failed: readonly IncompletePart[]
  readonly audit: RecheckAudit
}

/**
 * Computes once more what a quantized model leaves open, when all parts have their scores: the frames that may decide a call, and
 * those that every run compares. Where one of them is off by more than the bound, its length class is done in full. It
 * goes on in rounds until nothing is open; each depends on the scores and on those before it alone.
 *
 * @param incomplete - parts that could not be computed: the next start rechecks them
 */
export async function recheck(
  run: Run,
  plan: RunRecheck,
  incomplete: readonly IncompletePart[],
): Promise<Rechecked> {
  const { logger } = run
  const exact = new BitSet()
  const audit = auditOf(plan)
  const bounds = new Bounds(plan.bounds)
  const failed = new Set(incomplete.map(({ part }) => part))
  const all = run.stats.frames.prepared
  for (let round = 1; ; round++) {
    const { frames, isOpen } = await selectFrames(run, { exact, failed, bounds, round })
    if (frames.size === 0) break
    logger.info(
      `recheck: ${frames.size} of ${count(all, 'frame')} in ${plan.facts.partner}${round === 1 ? '' : `, round ${round}`}`,
    )
    const missing = await computeFrames(run, plan, frames, round)
    if (missing.length > 0) return { exact, failed: missing, audit }
    const known = bounds.violated.size
    await compareRound(run, frames, audit, bounds)
    exact.addAll(frames)
    for (const place of [...bounds.violated].slice(known)) warn(run, audit, place)
    if (!isOpen && bounds.violated.size === known) break
  }
  return { exact, failed: [], audit }
}

async function compareRound(run: Run, frames: BitSet, audit: RecheckAudit, bounds: Bounds): Promise<void> {
  for (let part = 1; part <= run.stats.counts.parts; part++) {
    const rows = rowsOf(part, frames, run)
    if (rows.length === 0) continue
    const rechecked = await run.folder.rechecked(part)
    if (rechecked !== undefined)
      compare(audit, bounds, await run.folder.scoresOf(part), rechecked, new Set(rows))
  }
}

function warn({ logger }: Run, { classes, partner }: RecheckAudit, place: number): void {
  const { upTo, bound, largest } = classes[place] as RecheckAudit['classes'][number]
  logger.warn(
    `frames of up to ${upTo} tokens are off by ${largest.toPrecision(3)}, more than the ${bound.toPrecision(3)} that was measured: all of them are computed in ${partner}`,
    { code: 'bound-exceeded', data: {} },
  )
}
