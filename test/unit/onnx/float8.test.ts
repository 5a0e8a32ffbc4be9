import { expect, test } from 'bun:test'
import { roundToBfloat16, roundToFloat8, toFloat8 } from '../../../src/onnx/elements.ts'

/** A number of E4M3 by its definition: a sign, four bits of exponent with a bias of 7, three of mantissa. */
function numberOf(bits: number): number {
  const [sign, exponent, mantissa] = [bits & 0x80 ? -1 : 1, (bits >> 3) & 15, bits & 7]
  return sign * (exponent === 0 ? mantissa / 512 : (8 + mantissa) * 2 ** (exponent - 10))
}

test('every number of FP8 stays what it is', () => {
  const bits = Array.from({ length: 256 }, (_, i) => i).filter((i) => (i & 0x7f) !== 0x7f)
  expect([...toFloat8(Float32Array.from(bits, numberOf))]).toEqual(bits)
})

test('what lies between two becomes the nearer, or the even one; what is too large becomes the largest', () => {
  for (let bits = 0; bits < 0x7e; bits++) {
    const [low, high] = [numberOf(bits), numberOf(bits + 1)]
    const middle = (low + high) / 2
    const [even, odd] = bits % 2 === 0 ? [bits, bits + 1] : [bits + 1, bits]
    expect(odd % 2).toBe(1)
    const quarter = (high - low) / 4
    expect([...toFloat8(Float32Array.of(low + quarter, middle, high - quarter, -middle))]).toEqual([
      bits,
      even,
      bits + 1,
      even | 0x80,
    ])
  }
  expect([...toFloat8(Float32Array.of(448, 460, 1e9, Infinity, -Infinity, Number.NaN))]).toEqual([
    0x7e, 0x7e, 0x7e, 0x7e, 0xfe, 0x7f,
  ])
})

test('numbers are those of BF16 first, as in the graph that calibration simulates', () => {
  // Just above the middle of 16 and 18, which is where BF16 puts it.
  const value = Float32Array.of(17 + 1 / 64)
  expect(roundToBfloat16(value)[0]).toBe(17)
  expect(numberOf(toFloat8(value)[0]!)).toBe(16)
})

test('numbers rounded in steps of a power of two are numbers of FP8 times it', () => {
  for (const scale of [2 ** -9, 1, 4]) {
    const values = Array.from({ length: 512 }, (_, i) => scale * 500 * Math.sin(i))
    const bits = toFloat8(Float32Array.from(values, (value) => value / scale))
    const rounded = [...roundToFloat8(Float32Array.from(values), scale)]
    expect(rounded).toEqual(Array.from(bits, (each) => scale * numberOf(each)))
    expect(Math.max(...rounded)).toBe(448 * scale)
  }
  expect(roundToFloat8(Float32Array.of(Number.NaN), 1)[0]).toBeNaN()
})
