import { expect, test } from 'bun:test'
import { randomSource } from '../../../scripts/support/random.ts'
import { fitCorrection } from '../../../src/import/quantize/fit-correction.ts'

const WIDTH = 48
const random = randomSource(3)
const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())

/** Embeddings that differ in a few directions, and an error of each: [rows, WIDTH] both. */
function sample(rows: number, errorOf: (along: readonly number[]) => (i: number) => number) {
  const directions = Array.from({ length: 6 }, () => Array.from({ length: WIDTH }, normal))
  const rounded = new Float32Array(rows * WIDTH)
  const exact = new Float32Array(rows * WIDTH)
  for (let row = 0; row < rows; row++) {
    const along = directions.map(normal)
    const error = errorOf(along)
    for (let i = 0; i < WIDTH; i++) {
      const value = 1 + directions.reduce((sum, direction, k) => sum + along[k]! * direction[i]!, 0)
      rounded[row * WIDTH + i] = value
      exact[row * WIDTH + i] = value + error(i)
    }
  }
  return { rounded, exact }
}

const fit = (both: Parameters<typeof fitCorrection>[0], known: number, width: number) =>
  fitCorrection(both, known, { name: 'esm2', shape: { width } }, 'rounded')

/** Root of the mean square of what is left. */
function left({ exact, rounded }: { exact: Float32Array; rounded: Float32Array }): number {
  return Math.sqrt(exact.reduce((sum, value, i) => sum + (value - rounded[i]!) ** 2, 0) / exact.length)
}

test('an error that follows the embeddings is corrected in rows that it was not found with', () => {
  const effect = Array.from({ length: 6 }, () => Array.from({ length: WIDTH }, () => 0.01 * normal()))
  const both = sample(
    400,
    (along) => (i) => 0.02 + along.reduce((sum, value, k) => sum + value * effect[k]![i]!, 0.001 * normal()),
  )
  const found = fit(both, 40, WIDTH)
  expect(found.exact).toHaveLength(360 * WIDTH)
  expect(found.correction.from.length).toBeGreaterThanOrEqual(6 * WIDTH)
  expect(left(found)).toBeLessThan(0.0015)

  // The correction by itself, as a graph adds it, gives the same.
  const { offset, from, to } = found.correction
  const rank = from.length / WIDTH
  const row = both.rounded.subarray(40 * WIDTH, 41 * WIDTH)
  const along = Array.from({ length: rank }, (_, k) =>
    row.reduce((sum, value, i) => sum + value * from[i * rank + k]!, 0),
  )
  const added = row.map(
    (value, i) => value + offset[i]! + along.reduce((sum, x, k) => sum + x * to[k * WIDTH + i]!, 0),
  )
  for (const [i, value] of added.entries()) expect(value).toBeCloseTo(found.rounded[i]!, 5)
})

test('of an error that has nothing to do with the embeddings only the mean is corrected', () => {
  const both = sample(400, () => () => 0.02 + 0.01 * normal())
  const { correction, ...found } = fit(both, 40, WIDTH)
  expect(correction.from).toHaveLength(0)
  expect(left(found)).toBeLessThan(0.011)
  expect(left(found)).toBeGreaterThan(0.0095)
  for (const value of correction.offset) expect(Math.abs(value - 0.02)).toBeLessThan(0.01)
})

test('noise beside an effect is not taken for part of it', () => {
  const effect = Array.from({ length: WIDTH }, () => 0.01 * normal())
  const both = sample(
    1000,
    ([first]) =>
      (i) =>
        0.01 * normal() + 0.5 * first! * effect[i]!,
  )
  // The mean alone leaves 0.0115, and least squares without a penalty are not worth it; the noise is 0.01.
  expect(left(fit(both, 30, WIDTH))).toBeLessThan(0.0112)
})

test('at most 128 directions are kept', () => {
  const width = 200
  const rounded = Float32Array.from({ length: 180 * width }, normal)
  const exact = rounded.map((value) => 1.01 * value)
  const { correction } = fit({ rounded, exact }, 170, width)
  expect(correction.from.length / width).toBeLessThanOrEqual(128)
  expect(correction.from.length / width).toBeGreaterThan(120)
})

test('many rows, equal rows and a single row are taken', () => {
  const many = fit(
    sample(
      500,
      ([first]) =>
        () =>
          0.01 * first!,
    ),
    400,
    WIDTH,
  )
  expect(left(many)).toBeLessThan(0.0005)
  const equal = { rounded: new Float32Array(8 * WIDTH).fill(1), exact: new Float32Array(8 * WIDTH).fill(1.5) }
  for (const known of [1, 6]) {
    const { correction, rounded } = fit(equal, known, WIDTH)
    expect(correction.from).toHaveLength(0)
    expect(new Set(correction.offset)).toEqual(new Set([0.5]))
    expect(new Set(rounded)).toEqual(new Set([1.5]))
  }
})
