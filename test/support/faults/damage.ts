import { readFileSync, writeFileSync } from 'node:fs'

/** Changes a bit of a file, unless it is empty. @param random - from 0 to below 1 */
export function flipBit(path: string, random: () => number): void {
  const bytes = readFileSync(path)
  if (bytes.length === 0) return
  const place = Math.floor(random() * bytes.length)
  bytes[place]! ^= 1 << Math.floor(random() * 8)
  writeFileSync(path, bytes)
}

/** Cuts off the end of a file, from anywhere on. @param random - from 0 to below 1 */
export function cutEnd(path: string, random: () => number): void {
  const bytes = readFileSync(path)
  writeFileSync(path, bytes.subarray(0, Math.floor(random() * bytes.length)))
}
