import { settings } from '../settings/index.ts'
import { UsageError } from '../system/errors.ts'

/** How records are called from their chunks; docs/reference/results.md says where the numbers come from. */
export interface CallRule {
  /** `weighted`: by the weighted difference; `majority`: by most of the chunks; `any`: by a single viral one. */
  call: 'weighted' | 'majority' | 'any'
  /** A weighted difference above this is viral, one below its negative is not. */
  callDelta: number
  /** A chunk speaks clearly for a class with a score above this for it … */
  callConfident: number
  /** … and one below this for the other class. */
  callOpposing: number
  /** A chunk with both scores above this speaks for neither class, and does not count when shares are taken. */
  callBoth: number
  /** Without this share of chunks that speak clearly for the call its tier is `low` at most. */
  callShare: number
  /** With fewer scored chunks the tier is one lower. */
  callChunks: number
  /** Least weighted difference, in the direction of the call, of each tier. */
  callHigh: number
  callModerate: number
  callLow: number
}

export const CALLS = ['viral', 'non_viral', 'ambiguous'] as const
export type Call = (typeof CALLS)[number]
/** From the best to the worst. */
export const TIERS = ['high', 'moderate', 'low', 'review'] as const
export type Tier = (typeof TIERS)[number]

const NAMES = [
  'call',
  'callDelta',
  'callConfident',
  'callOpposing',
  'callBoth',
  'callShare',
  'callChunks',
  'callHigh',
  'callModerate',
  'callLow',
] as const satisfies (keyof CallRule)[]

/** The rule among more options, in an order that is always the same; what is not given is as the settings have it. */
export function ruleOf(options: Partial<CallRule>): CallRule {
  return Object.fromEntries(
    NAMES.map((name) => [name, options[name] ?? settings[name].default]),
  ) as unknown as CallRule
}

/** @throws UsageError when the tiers are in no order */
export function requireOrder(options: Partial<CallRule>): void {
  const { callHigh, callModerate, callLow } = ruleOf(options)
  if (callLow <= callModerate && callModerate <= callHigh) return
  throw new UsageError(
    `the tiers of the contig call must not fall from low over moderate to high: ${callLow}, ${callModerate}, ${callHigh}`,
  )
}

/** What the scored chunks of a record say; one object serves all records of a run. */
export class Evidence {
  /** Scored chunks. */
  chunks = 0
  viralChunks = 0
  #virus = 0
  #others = 0
  #weighted = 0
  #weights = 0
  #clearlyViral = 0
  #clearlyOthers = 0
  #both = 0
  readonly #rule: CallRule

  constructor(rule: CallRule) {
    this.#rule = rule
  }

  clear(): void {
    this.chunks = this.viralChunks = 0
    this.#virus = this.#others = this.#weighted = this.#weights = 0
    this.#clearlyViral = this.#clearlyOthers = this.#both = 0
  }

  /** A scored chunk, by its highest score of each class. */
  add(virus: number, others: number): void {
    const { callConfident, callOpposing, callBoth } = this.#rule
    this.chunks++
    // As in the original's table of chunks, a tie is viral.
    if (virus >= others) this.viralChunks++
    this.#virus += virus
    this.#others += others
    const delta = virus - others
    const weight = Math.sqrt(Math.abs(delta))
    this.#weighted += delta * weight
    this.#weights += weight
    if (virus > callConfident && others < callOpposing) this.#clearlyViral++
    if (others > callConfident && virus < callOpposing) this.#clearlyOthers++
    if (virus > callBoth && others > callBoth) this.#both++
  }

  /** Mean over the chunks. */
  get virus(): number {
    return this.#virus / this.chunks
  }

  /** Mean over the chunks. */
  get others(): number {
    return this.#others / this.chunks
  }

  get weightedDelta(): number {
    return this.#weights > 0 ? this.#weighted / this.#weights : 0
  }

  get call(): Call {
    const { call, callDelta } = this.#rule
    if (call === 'any') return this.viralChunks > 0 ? 'viral' : 'non_viral'
    const isWeighted = call === 'weighted'
    const balance = isWeighted ? this.weightedDelta : 2 * this.viralChunks - this.chunks
    const least = isWeighted ? callDelta : 0
    if (balance > least) return 'viral'
    return balance < -least ? 'non_viral' : 'ambiguous'
  }

  /** How far the call can be relied on. */
  get tier(): Tier {
    const { callHigh, callModerate, callLow, callShare, callChunks } = this.#rule
    const { call } = this
    if (call === 'ambiguous') return 'review'
    const support = call === 'viral' ? this.weightedDelta : -this.weightedDelta
    if (support < callLow) return 'review'
    let tier = support >= callHigh ? 0 : support >= callModerate ? 1 : 2
    const clear = call === 'viral' ? this.#clearlyViral : this.#clearlyOthers
    if (clear < callShare * (this.chunks - this.#both) || (clear === 0 && callShare > 0))
      tier = Math.max(tier, 2)
    if (this.chunks < callChunks) tier++
    return TIERS[tier] as Tier
  }
}
