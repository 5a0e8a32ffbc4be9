const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
const short = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 })

/** `1,234,567`. */
export function integer(value: number): string {
  return whole.format(value)
}

/** `1.23M`, for axes and speeds. */
export function compact(value: number): string {
  return short.format(value)
}

/** Up to three digits: `1,234`, `12.3`, `0.0123`. */
export function decimal(value: number): string {
  return value.toLocaleString('en-US', {
    maximumSignificantDigits: Math.max(3, String(Math.trunc(Math.abs(value))).length),
  })
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
  const all = Math.round(seconds)
  const [s, min, h] = [all % 60, Math.floor(all / 60) % 60, Math.floor(all / 3600)]
  if (h >= 48) return `${Math.floor(h / 24)} d ${h % 24} h`
  if (h > 0) return `${h} h ${String(min).padStart(2, '0')} min`
  return `${min} min ${String(s).padStart(2, '0')} s`
}

/** `1.2 MB`, in powers of ten. */
export function bytes(value: number): string {
  if (value < 1000) return `${integer(value)} bytes`
  const power = Math.min(5, Math.floor(Math.log10(value) / 3))
  return `${decimal(value / 1000 ** power)} ${['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'][power]}`
}

/** `2026-11-24 10:14 UTC` of an ISO time. */
export function moment(time: string): string {
  return time.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d).*$/, '$1 $2 UTC')
}

export function plural(count: number, noun: string): string {
  return `${integer(count)} ${count === 1 ? noun : `${noun}s`}`
}
