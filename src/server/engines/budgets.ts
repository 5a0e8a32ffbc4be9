import type { Profile, TuningEntry } from '../repository/index.ts'

/** One batch size that was timed. */
export interface Measurement {
  readonly rows: number
  /** Tokens of each row. */
  readonly tokens: number
  readonly milliseconds: number
}

/** A batch to time, and the token budget that it stands for. */
export interface Trial {
  readonly budget: number
  readonly rows: number
  readonly tokens: number
}

/** The best budgets: of the model, and of each of its profiles by itself at the length where that is slowest. */
export type BudgetChoice = Pick<TuningEntry, 'tokenBudget' | 'ranges'>

/** From a few rows of a read's frame to what no GPU is faster with. */
export const defaultBudgets: readonly number[] = [4096, 8192, 16_384, 32_768, 65_536]

/** A smaller batch this near to the fastest is as good. On one GPU in one run measurements differ by 0.1 to 0.2 %. */
const NEARLY = 0.995

/** Rows in the middle of a profile's lengths and at their end, in batches of each budget that the profile takes. */
export function trialsOf(profiles: readonly Profile[], budgets: readonly number[]): Trial[] {
  return profiles.flatMap(({ min, max }) => {
    const middle = Math.ceil((min[1] + max[1]) / 2)
    return [...new Set([middle, max[1]])].flatMap((tokens) =>
      budgets.flatMap((budget) => {
        const rows = Math.floor(budget / tokens)
        return rows >= min[0] && rows <= max[0] ? [{ budget, rows, tokens }] : []
      }),
    )
  })
}

/**
 * The smallest budget that is within 0.5 % of the fastest at every length, for each profile and for the model; where none
 * is, the one that falls behind least. Small batches balance better over GPUs and take less memory.
 *
 * @returns undefined when nothing was measured
 */
export function chooseBudgets(
  profiles: readonly Profile[],
  trials: readonly Trial[],
  measurements: readonly Measurement[],
): BudgetChoice | undefined {
  const speeds = speedsOf(trials, measurements)
  const ranges = profiles.flatMap(({ min, max }) => {
    const own = speeds.filter(({ tokens }) => min[1] <= tokens && tokens <= max[1])
    const tokenBudget = bestOf(own)
    if (tokenBudget === undefined) return []
    const at = own.filter(({ budget }) => budget === tokenBudget).map(({ speed }) => speed)
    return [{ from: min[1], to: max[1], tokenBudget, tokensPerSecond: Math.round(Math.min(...at)) }]
  })
  const tokenBudget = bestOf(speeds)
  return tokenBudget === undefined ? undefined : { tokenBudget, ranges }
}

interface Speed {
  readonly budget: number
  readonly tokens: number
  /** Tokens per second. */
  readonly speed: number
}

function speedsOf(trials: readonly Trial[], measurements: readonly Measurement[]): Speed[] {
  return trials.flatMap(({ budget, rows, tokens }) => {
    const found = measurements.find((each) => each.rows === rows && each.tokens === tokens)
    return found === undefined ? [] : [{ budget, tokens, speed: (1000 * rows * tokens) / found.milliseconds }]
  })
}

/** The smallest budget that is nearly the fastest everywhere, or that falls behind least. */
function bestOf(speeds: readonly Speed[]): number | undefined {
  const ascending = speeds.toSorted((a, b) => a.budget - b.budget)
  const lengths = [...Map.groupBy(ascending, ({ tokens }) => tokens).values()]
  const budgets = [...new Set(ascending.map(({ budget }) => budget))]
  const shares = budgets.map((budget) => {
    const shareAt = (own: readonly Speed[]) => {
      // A budget too large for the profile at one length goes there in pieces, as fast as the largest that it takes.
      const taken = own.findLast((each) => each.budget <= budget)
      return taken === undefined ? 1 : taken.speed / Math.max(...own.map(({ speed }) => speed))
    }
    return Math.min(...lengths.map(shareAt))
  })
  const enough = Math.min(NEARLY, Math.max(...shares))
  return budgets[shares.findIndex((share) => share >= enough)]
}
