/** Compressed data that is cut off or damaged. */
export class CompressedDataError extends Error {
  /** What to do about it. */
  readonly remedy: string

  constructor(message: string, remedy = 'the file is incomplete or damaged: get it again') {
    super(message)
    this.remedy = remedy
  }
}

/** First bytes of compressed data, as far as they are the same in all of its kind. */
const MAGIC: Readonly<Record<string, readonly number[]>> = {
  gzip: [0x1f, 0x8b, 8],
  zstd: [0x28, 0xb5, 0x2f, 0xfd],
  xz: [0xfd, 0x37, 0x7a, 0x58],
  bzip2: [0x42, 0x5a, 0x68],
  lz4: [0x04, 0x22, 0x4d, 0x18],
}

/**
 * Files of different kinds that were joined: what follows is no rest that may be left out, but a part of the input.
 *
 * @param next - the first four bytes of what follows
 * @param at - where it starts
 * @throws CompressedDataError
 */
export function refuseOtherCompression(kind: 'gzip' | 'zstd', next: Uint8Array, at: number): void {
  for (const [other, magic] of Object.entries(MAGIC)) {
    if (other === kind || magic.some((byte, i) => next[i] !== byte)) continue
    throw new CompressedDataError(
      `the ${kind} data ends at byte ${at}, and ${other} data follows it`,
      'decompress each by itself and join the texts',
    )
  }
}

/** Bits in which the first bytes differ; those that are missing count in full. */
export function differingBits(bytes: Uint8Array, expected: readonly number[]): number {
  let count = 0
  for (const [at, byte] of expected.entries()) {
    for (let rest = (bytes[at] ?? byte ^ 0xff) ^ byte; rest > 0; rest >>= 1) count += rest & 1
  }
  return count
}
