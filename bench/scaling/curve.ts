/**
 * How long a GPU takes for a batch of ESM-2 3B: measured points of docs/adr/0020-plans-on-gpus.md, and straight lines between them.
 */

/** Sequences of one length, as many in a batch, and the speed that was measured. */
export interface CurvePoint {
  readonly length: number
  readonly rows: number
  readonly tokensPerSecond: number
}

/**
 * One NVIDIA H200, TensorRT BF16 plan. The points of about 2,000 tokens are those of an H100 behind Triton at 51 tokens,
 * and the same loss at 168, where no such batch was measured.
 */
export const ESM2_3B: readonly CurvePoint[] = [
  { length: 51, rows: 40, tokensPerSecond: 79_837 },
  { length: 51, rows: 160, tokensPerSecond: 96_224 },
  { length: 51, rows: 320, tokensPerSecond: 101_716 },
  { length: 51, rows: 640, tokensPerSecond: 98_299 },
  { length: 168, rows: 12, tokensPerSecond: 76_642 },
  { length: 168, rows: 48, tokensPerSecond: 93_248 },
  { length: 168, rows: 96, tokensPerSecond: 97_645 },
]

/** A speed for all shapes, for benches with a known result. */
export function constantSpeed(tokensPerSecond: number): CurvePoint[] {
  return [1, 2].map((rows) => ({ length: 1, rows, tokensPerSecond }))
}

/**
 * Seconds that a GPU is busy with a batch of `rows` sequences padded to `length` tokens. At each length with points the
 * time is a straight line between neighbours in the number of tokens, and goes on straight beyond the first and the last:
 * what is left at no tokens is the cost of a batch by itself. Between two lengths it is weighted by distance; outside
 * them the nearest holds.
 */
export function batchSeconds(curve: readonly CurvePoint[], rows: number, length: number): number {
  const lengths = [...new Set(curve.map((point) => point.length))].sort((a, b) => a - b)
  const at = (known: number) => secondsAt(curve, known, rows * length)
  const above = lengths.find((known) => known >= length)
  const below = lengths.findLast((known) => known <= length)
  if (above === undefined) return at(lengths.at(-1)!)
  if (below === undefined) return at(above)
  if (above === below) return at(below)
  const weight = (length - below) / (above - below)
  return (1 - weight) * at(below) + weight * at(above)
}

function secondsAt(curve: readonly CurvePoint[], length: number, tokens: number): number {
  const points = curve
    .filter((point) => point.length === length)
    .map(({ rows, tokensPerSecond }) => ({
      tokens: rows * length,
      seconds: (rows * length) / tokensPerSecond,
    }))
    .sort((a, b) => a.tokens - b.tokens)
  if (points.length < 2) throw new RangeError(`the curve needs two batches or more of ${length} tokens`)
  const next = points.findIndex((point) => point.tokens >= tokens)
  const end = next < 0 ? points.length - 1 : Math.max(1, next)
  const [a, b] = [points[end - 1]!, points[end]!]
  return a.seconds + ((tokens - a.tokens) / (b.tokens - a.tokens)) * (b.seconds - a.seconds)
}

/** For the parameter `curve` of bench/triton/sleeping_model.py. */
export function curveText(curve: readonly CurvePoint[]): string {
  return curve.map(({ length, rows, tokensPerSecond }) => `${length}:${rows}:${tokensPerSecond}`).join(',')
}
