/** One in so many different sequences. */
const SHARE = 100

const digest = Buffer.alloc(32)

/** Whether a sequence is among the 1 % that every run computes in both precisions; chosen by its SHA-256. */
export function isAudited(sequence: Uint8Array): boolean {
  Bun.SHA256.hash(sequence, digest)
  return digest.readUInt32BE() % SHARE === 0
}
