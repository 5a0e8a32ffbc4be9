/** Round numbers from 0 up to at least `most`, about `wanted` of them. */
export function ticks(most: number, wanted: number): number[] {
  if (!(most > 0)) return [0, 1]
  const rough = most / wanted
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? 10 * power
  const count = Math.ceil(most / step - 1e-9)
  // Multiplied and not added up: 0.1 + 0.2 is not 0.3.
  return Array.from({ length: count + 1 }, (_, i) => Number((i * step).toPrecision(12)))
}

/** Powers of ten that enclose a range of positive numbers. */
export function decades(least: number, most: number): number[] {
  const first = Math.floor(Math.log10(least))
  const last = Math.max(first + 1, Math.ceil(Math.log10(most) - 1e-9))
  return Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i))
}

/** Round times in seconds from 0 up to `most`: steps that people count in. */
export function timeTicks(most: number, wanted: number): number[] {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400]
  const step = steps.find((size) => size * wanted >= most) ?? 86400 * Math.ceil(most / (86400 * wanted))
  if (most < 2) return ticks(most, wanted).filter((value) => value <= most)
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, i) => i * step)
}

/** What stands at a time tick: `0`, `30 s`, `5 min`, `2 h`, `3 d`. */
export function timeLabel(seconds: number): string {
  if (seconds === 0) return '0'
  if (seconds % 86400 === 0) return `${seconds / 86400} d`
  if (seconds % 3600 === 0) return `${seconds / 3600} h`
  if (seconds % 60 === 0) return `${seconds / 60} min`
  if (seconds > 3600) return `${(seconds / 3600).toFixed(1)} h`
  if (seconds > 60) return `${(seconds / 60).toFixed(1)} min`
  return `${seconds} s`
}
