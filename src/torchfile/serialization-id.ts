/**
 * The 40 digits torch writes into `.data/serialization_id`, so that files written here equal torch's byte for byte:
 * 20 digits of the member names' hashes and 20 of the members' CRC-32s, each folded into 64 bits.
 *
 * torch walks the names in the order of a libstdc++ `unordered_set`, so that container's order is repeated here:
 * `std::hash<std::string>` (MurmurHash64A, seed 0xc70f6907) and its bucket chains.
 * Sources: PyTorch caffe2/serialize/inline_container.cc; libstdc++ hash_bytes.cc and hashtable_policy.h.
 */

const MASK = (1n << 64n) - 1n
const MULTIPLIER = 0xc6a4a7935bd1e995n
const SEED = 0xc70f6907n
/** Bucket counts the container grows through. */
const BUCKET_COUNTS = [
  13, 29, 59, 127, 257, 541, 1109, 2357, 5087, 10273, 20753, 42043, 85229, 172933, 351061, 712697, 1447153,
  2938679, 5967347,
]

/** boost's and torch's `hash_combine` in 64 bits. */
function hashCombine(seed: bigint, value: bigint): bigint {
  return (seed ^ (value + 0x9e3779b9n + (seed << 6n) + (seed >> 2n))) & MASK
}

const shiftMix = (value: bigint): bigint => value ^ (value >> 47n)

function load(bytes: Uint8Array, from: number, to: number): bigint {
  let word = 0n
  for (let i = to - 1; i >= from; i--) word = (word << 8n) | BigInt(bytes[i]!)
  return word
}

function hashBytes(bytes: Uint8Array): bigint {
  let hash = SEED ^ ((BigInt(bytes.length) * MULTIPLIER) & MASK)
  const whole = bytes.length - (bytes.length % 8)
  for (let at = 0; at < whole; at += 8) {
    const word = (shiftMix((load(bytes, at, at + 8) * MULTIPLIER) & MASK) * MULTIPLIER) & MASK
    hash = ((hash ^ word) * MULTIPLIER) & MASK
  }
  if (whole < bytes.length) hash = ((hash ^ load(bytes, whole, bytes.length)) * MULTIPLIER) & MASK
  return shiftMix((shiftMix(hash) * MULTIPLIER) & MASK)
}

/**
 * Hashes in the order in which libstdc++ iterates over a set that they were inserted into one by one: a new hash goes
 * to the front of its bucket, and a bucket that was empty to the front of all. Growing inserts them again in that order.
 */
function containerOrder(hashes: readonly bigint[]): bigint[] {
  let buckets = new Map<bigint, bigint[]>()
  const ordered = () => [...buckets.values()].reverse().flatMap((bucket) => bucket.toReversed())
  let [capacity, grown] = [0, 0]
  const insert = (hash: bigint) => {
    const key = hash % BigInt(capacity)
    const bucket = buckets.get(key)
    if (bucket) bucket.push(hash)
    else buckets.set(key, [hash])
  }
  for (const [count, hash] of hashes.entries()) {
    if (count + 1 > capacity) {
      const before = ordered()
      capacity = BUCKET_COUNTS[grown++] ?? capacity * 2 + 1
      buckets = new Map()
      before.forEach(insert)
    }
    insert(hash)
  }
  return ordered()
}

/**
 * @param names member names without the archive folder, in writing order
 * @param crcs CRC-32 of the members that are not empty, in writing order
 * @returns 40 decimal digits
 */
export function serializationId(names: readonly string[], crcs: readonly number[]): string {
  const encoder = new TextEncoder()
  const hashes = containerOrder(names.map((name) => hashBytes(encoder.encode(name))))
  const digits = (value: bigint) => value.toString().padStart(20, '0')
  const combinedNames = hashes.reduce(hashCombine, 0n)
  const combinedCrcs = crcs.reduce((seed, crc) => hashCombine(seed, BigInt(crc)), 0n)
  return digits(combinedNames) + digits(combinedCrcs)
}
