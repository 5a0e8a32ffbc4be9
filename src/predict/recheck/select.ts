import { BitSet, type Bounds, PATIENT_ROUNDS, Selection } from '../../recheck/index.ts'
import type { Run } from '../context.ts'
import { decisionsOf } from '../derived.ts'
import { isAuditedIn, tokensIn } from '../frame-facts.ts'
import { finalScores, frameNumber } from './rechecked-run.ts'

/** How far the recheck of a run is. */
export interface RecheckState {
  /** Frames whose scores are exact. */
  readonly exact: BitSet
  /** Parts that could not be computed. */
  readonly failed: ReadonlySet<number>
  readonly bounds: Bounds
  /** From 1. */
  readonly round: number
}

/**
 * The frames that a round of the recheck computes: those that may decide a call, and in the first one also those that every run
 * compares. They depend on the scores alone, so that a run that was interrupted selects the same.
 */
export async function selectFrames(
  run: Run,
  state: RecheckState,
): Promise<{ frames: BitSet; isOpen: boolean }> {
  const { options, stats, signal } = run
  const selection = new Selection(decisionsOf(options), state.round > PATIENT_ROUNDS)
  const frames = new BitSet()
  const select = (frame: number) => frames.add(frame)
  const follow = follower(selection, select)
  for (let part = 1; part <= stats.counts.parts; part++) {
    signal.throwIfAborted()
    const { ids, scores, facts } = await scoresOf(run, part, state)
    for (const [row, id] of ids.entries()) {
      follow(id)
      const number = frameNumber(part, row, run)
      const [others, virus] = [scores[2 * row] as number, scores[2 * row + 1] as number]
      const fact = state.exact.has(number) ? undefined : facts?.[row]
      selection.frame(number, others, virus, fact === undefined ? 0 : state.bounds.of(tokensIn(fact)))
      if (state.round === 1 && isCompared(fact, virus)) select(number)
    }
  }
  selection.endRecord(select)
  return { frames, isOpen: selection.isOpen }
}

/** Whether every run computes a frame in both precisions; one without a residue has no score. */
function isCompared(fact: number | undefined, virus: number): boolean {
  return fact !== undefined && isAuditedIn(fact) && !Number.isNaN(virus)
}

/** Frames of a part that failed are not selected: the next start computes it first. */
async function scoresOf(run: Run, part: number, { exact, failed }: RecheckState) {
  if (!failed.has(part)) return await finalScores(run, part, exact)
  const kept = await run.folder.partialScores(part)
  return { ids: kept?.ids ?? [], scores: kept?.scores ?? new Float32Array(), facts: undefined }
}

/** Tells a selection, frame by frame, which chunk and record it is of, by its id: `NAME_chunk_N` and two letters. */
function follower(selection: Selection, select: (frame: number) => void): (frameId: string) => void {
  let [before, record, chunk] = ['', '', 0]
  return (frameId) => {
    const id = frameId.slice(0, -2)
    if (id === before) return
    before = id
    const end = id.lastIndexOf('_chunk_')
    const [name, index] = [id.slice(0, end), Number(id.slice(end + '_chunk_'.length))]
    if (name !== record || index <= chunk) selection.endRecord(select)
    selection.chunk(index)
    record = name
    chunk = index
  }
}
