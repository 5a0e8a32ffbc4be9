/** One in so many different sequences. */
const SHARE = 100

const digest = new Uint8Array(32)

/** Whether a sequence is among the 1 % that every run computes in both precisions; chosen by its SHA-256. */
export function isAudited(sequence: Uint8Array): boolean {
  Bun.SHA256.hash(sequence, digest)
  const [a, b, c, d] = digest as unknown as [number, number, number, number]
  return (((a << 24) | (b << 16) | (c << 8) | d) >>> 0) % SHARE === 0
}
