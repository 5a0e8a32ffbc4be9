/** `1,234,567`. */
export function whole(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** `950`, `12.3k`, `1.2M`: four characters or so. */
export function short(value: number): string {
  for (const [size, unit] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (value >= size) return `${(value / size).toFixed(value >= 100 * size ? 0 : 1)}${unit}`
  }
  return value < 10 && value > 0 ? value.toFixed(1) : String(Math.round(value))
}

/** `0:42`, `1:02:03`, `2 d 3 h`. */
export function clock(seconds: number): string {
  const all = Math.round(seconds)
  const [hours, minutes, rest] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60]
  const two = (value: number) => String(value).padStart(2, '0')
  if (hours >= 48) return `${Math.floor(hours / 24)} d ${hours % 24} h`
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`
}

/** `42 s`, `5 min`, `3 h 20 min`. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 90) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  return hours >= 48 ? `${Math.round(hours / 24)} days` : `${hours} h ${minutes % 60} min`
}

export function percent(share: number): string {
  return `${Math.floor(100 * share)} %`
}

/** `12.3/139.8 GiB`. */
export function gibibytes(used: number, total: number | undefined): string {
  const gib = (bytes: number) => (bytes / 2 ** 30).toFixed(1)
  return total === undefined ? `${gib(used)} GiB` : `${gib(used)}/${gib(total)} GiB`
}
