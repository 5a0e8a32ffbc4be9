/**
 * Spellings of scores, as the two reference programs print them.
 * Source: numpy `str(float32)` (original), Python `repr(float)` (Broad's fork), pandas' default float parser.
 */

/**
 * Shortest decimal text that reads back as the same float32, spelled as numpy spells it: positional for
 * 1e-4 <= |x| < 1e16, otherwise with a two-digit exponent (`1.4e-05`, `1e-04`), `1.0`, `0.0`, `nan`.
 */
export function formatFloat32(value: number): string {
  const x = Math.fround(value)
  if (x === 0 || !Number.isFinite(x)) return special(x)
  const quick = x >= 1e-4 && x < 1 ? shortScore(x) : undefined
  if (quick !== undefined) return quick
  return spell(shortestFloat32Digits(Math.abs(x)), x < 0, Math.abs(x) >= 1e-4 && Math.abs(x) < 1e16)
}

/** Python's `repr` of a double: shortest text, exponent form below 1e-4 and from 1e16 on. */
export function formatFloat64(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return special(value)
  const size = Math.abs(value)
  if (size >= 1e-4 && size < 1e16) {
    // In this range JavaScript spells a double as Python does, but for the `.0` of a whole number.
    const text = String(value)
    return text.includes('.') ? text : `${text}.0`
  }
  const digits = decimal(Math.abs(value).toExponential())
  return spell(digits, value < 0, digits.exponent >= -4 && digits.exponent < 16)
}

/**
 * The double that pandas' default parser makes of a printed score. It gathers at most 17 digits, the leading
 * zero included, in floating point and scales once, so the last digit can differ from the text's exact value.
 */
export function parseLikePandas(text: string): number {
  const match = /^(-?)(\d+)(?:\.(\d*))?(?:e([+-]?\d+))?$/.exec(text)
  if (match === null) return Number.NaN
  const [, sign, whole = '', fraction = '', power = '0'] = match
  let number = 0
  let used = 0
  let exponent = Number(power)
  for (const digit of whole) {
    if (used < 17) {
      number = number * 10 + Number(digit)
      used++
    } else exponent++
  }
  for (const digit of fraction) {
    if (used >= 17) break
    number = number * 10 + Number(digit)
    used++
    exponent--
  }
  if (exponent > 0) number *= 10 ** exponent
  else if (exponent < -308) number = number / 10 ** (-308 - exponent) / 1e308
  else number /= 10 ** -exponent
  return sign === '-' ? -number : number
}

interface Decimal {
  /** Significant digits without trailing zeros. */
  digits: string
  /** Power of ten of the first digit. */
  exponent: number
}

function special(x: number): string {
  if (Number.isNaN(x)) return 'nan'
  if (x === 0) return Object.is(x, -0) ? '-0.0' : '0.0'
  return x > 0 ? 'inf' : '-inf'
}

function decimal(exponential: string): Decimal {
  const [mantissa = '', power = '0'] = exponential.split('e')
  return { digits: mantissa.replace('.', '').replace(/(?<=.)0+$/, ''), exponent: Number(power) }
}

/**
 * 9 digits always distinguish two float32, and a longer text is never harder to read back, so search downwards
 * from there. `toExponential` gives the closest text of each length, which is the one wanted except twice:
 * an exact tie goes to the even digit, and below a power of two the next float32 is only half as far away as
 * above, so that there the text just above may read back where the closest one does not.
 */
function shortestFloat32Digits(x: number): Decimal {
  let best = x.toExponential(8)
  for (let places = 7; places >= 0; places--) {
    const closest = tieToEven(x, places)
    const shorter =
      Math.fround(Number(closest)) === x ? closest : isPowerOfTwo(x) ? nextUp(closest, x) : undefined
    if (shorter === undefined) break
    best = shorter
  }
  return decimal(best)
}

/**
 * The same for scores, 1e-4 <= x < 1, in whole numbers: `n / 10^k` is rounded once, as reading its
 * text is. Undefined where rounding to k decimals is too close to a tie for a double to tell, or x is a power of two.
 */
function shortScore(x: number): string | undefined {
  if (isPowerOfTwo(x)) return undefined
  const zeros = x >= 0.1 ? 0 : x >= 0.01 ? 1 : x >= 0.001 ? 2 : 3
  let best = 0
  let decimals = 0
  for (let k = zeros + 9; k > 0; k--) {
    const scale = POWERS[k]!
    const scaled = x * scale
    const n = Math.round(scaled)
    if (Math.abs(Math.abs(scaled - n) - 0.5) < 1e-6) return undefined
    if (Math.fround(n / scale) !== x) break
    best = n
    decimals = k
  }
  if (best === 0) return undefined
  while (best % 10 === 0) {
    best /= 10
    decimals--
  }
  return `0.${String(best).padStart(decimals, '0')}`
}

const POWERS = Array.from({ length: 13 }, (_, k) => 10 ** k)

function tieToEven(x: number, places: number): string {
  const closest = x.toExponential(places)
  // k / 2^m has m decimals, so only a small m leaves few enough digits for a tie.
  if (!Number.isInteger(x * 16384)) return closest
  const longer = decimal(x.toExponential()).digits
  if (
    longer.length !== places + 2 ||
    !longer.endsWith('5') ||
    /[1-9]/.test(x.toExponential(60).slice(places + 4, 60))
  )
    return closest
  const lower = Number(longer.slice(0, -1))
  const even = String(lower % 2 === 0 ? lower : lower + 1)
  return even.length === places + 1
    ? `${even[0]}.${even.slice(1) || '0'}${closest.slice(closest.indexOf('e'))}`
    : closest
}

function isPowerOfTwo(x: number): boolean {
  return Number.isInteger(Math.log2(x))
}

/** The next text of the same length above `closest`, where it still reads back as `x`. */
function nextUp(closest: string, x: number): string | undefined {
  const { digits, exponent } = decimal(closest)
  const places = closest.slice(0, closest.indexOf('e')).replace('.', '').length
  const up = Number(`${Number(digits.padEnd(places, '0')) + 1}e${exponent - places + 1}`).toExponential(
    places - 1,
  )
  return Math.fround(Number(up)) === x ? up : undefined
}

function spell({ digits, exponent }: Decimal, negative: boolean, positional: boolean): string {
  const sign = negative ? '-' : ''
  if (!positional) {
    const mantissa = digits.length > 1 ? `${digits[0]}.${digits.slice(1)}` : digits
    const power = String(Math.abs(exponent)).padStart(2, '0')
    return `${sign}${mantissa}e${exponent < 0 ? '-' : '+'}${power}`
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0')
  return `${sign}${whole}.${digits.slice(exponent + 1) || '0'}`
}
