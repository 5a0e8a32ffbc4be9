import type { RecheckBounds } from '../bundle/index.ts'

/** What the logits of a quantized model may be off in a run: as measured, less the length classes in which it was more. */
export class Bounds {
  readonly measured: RecheckBounds
  /** Places of length classes in which a frame was off by more than the bound: nothing is known of them any more. */
  readonly violated = new Set<number>()

  constructor(measured: RecheckBounds) {
    this.measured = measured
  }

  /** Place of the length class of a sequence; undefined for one that is longer than all that were measured. */
  classOf(tokens: number): number | undefined {
    const found = this.measured.classes.findIndex(({ upTo }) => tokens <= upTo)
    return found < 0 ? undefined : found
  }

  /** What the logit of a sequence may be off; infinite where nothing is known. */
  of(tokens: number): number {
    const at = this.classOf(tokens)
    if (at === undefined || this.violated.has(at)) return Number.POSITIVE_INFINITY
    return this.measured.classes[at]?.bound ?? Number.POSITIVE_INFINITY
  }
}
