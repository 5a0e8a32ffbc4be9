/** Compressed data that is cut off or damaged. */
export class CompressedDataError extends Error {}

/** Bits in which the first bytes differ; those that are missing count in full. */
export function differingBits(bytes: Uint8Array, expected: readonly number[]): number {
  let count = 0
  for (const [at, byte] of expected.entries()) {
    for (let rest = (bytes[at] ?? byte ^ 0xff) ^ byte; rest > 0; rest >>= 1) count += rest & 1
  }
  return count
}
