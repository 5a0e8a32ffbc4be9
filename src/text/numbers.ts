// Numbers for people.

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
const three = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 })
const short = new Intl.NumberFormat('en-US', {
  notation: 'compact',
  maximumSignificantDigits: 3,
  maximumFractionDigits: 1,
  roundingPriority: 'lessPrecision',
})

/** `1,234,567`. */
export function integer(value: number): string {
  return whole.format(value)
}

/** `1.23M`, for axes and speeds. */
export function compact(value: number): string {
  return three.format(value)
}

/** `950`, `12.3k`, `1.2M`: four characters or so, for a display that changes. */
export function brief(value: number): string {
  return short.format(value).replace('K', 'k')
}

/** Up to three digits: `1,234`, `12.3`, `0.0123`. */
export function decimal(value: number): string {
  return value.toLocaleString('en-US', {
    maximumSignificantDigits: Math.max(3, String(Math.trunc(Math.abs(value))).length),
  })
}

/** `1 part`, `1234 parts`. */
export function count(amount: number, noun: string): string {
  return `${amount} ${amount === 1 ? noun : `${noun}s`}`
}

/** `1 part`, `1,234 parts`. */
export function plural(amount: number, noun: string): string {
  return `${integer(amount)} ${amount === 1 ? noun : `${noun}s`}`
}

/** `12.3 %` of a whole; a dash where there is no whole. */
export function percent(part: number, total: number): string {
  if (total === 0) return '–'
  const value = (100 * part) / total
  // What is not all must not read as all, and what is something not as nothing.
  if (value > 99.95 && part < total) return '> 99.9 %'
  if (value < 0.05 && part > 0) return '< 0.1 %'
  return `${value.toFixed(1)} %`
}

/** `3 d 4 h`, `2 h 05 min`, `7 min 12 s`, `8.4 s`, `90 ms`. */
export function duration(seconds: number): string {
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`
  const { days, hours, minutes, rest } = split(seconds)
  if (days > 0) return `${days} d ${hours} h`
  return hours > 0 ? `${hours} h ${two(minutes)} min` : `${minutes} min ${two(rest)} s`
}

/** `42 s`, `5 min`, `3 h 20 min`: as exact as an estimate is. */
export function estimate(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 90) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  return hours >= 48 ? `${Math.round(hours / 24)} days` : `${hours} h ${minutes % 60} min`
}

/** `0:42`, `1:02:03`, `2 d 3 h`. */
export function clock(seconds: number): string {
  const { days, hours, minutes, rest } = split(seconds)
  if (days > 0) return `${days} d ${hours} h`
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`
}

/** Days only from the second on. */
function split(seconds: number) {
  const all = Math.round(seconds)
  const hours = Math.floor(all / 3600)
  const days = hours < 48 ? 0 : Math.floor(hours / 24)
  return { days, hours: hours - 24 * days, minutes: Math.floor(all / 60) % 60, rest: all % 60 }
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}

/** `1.2 MB`, in powers of ten. */
export function bytes(value: number): string {
  if (value < 1000) return `${integer(value)} bytes`
  const power = Math.min(5, Math.floor(Math.log10(value) / 3))
  return `${decimal(value / 1000 ** power)} ${['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'][power]}`
}

/** `12.3/139.8 GiB`. */
export function gibibytes(used: number, total: number | undefined): string {
  const gib = (size: number) => (size / 2 ** 30).toFixed(1)
  return total === undefined ? `${gib(used)} GiB` : `${gib(used)}/${gib(total)} GiB`
}
