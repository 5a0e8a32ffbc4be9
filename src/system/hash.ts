/**
 * A 32-bit hash that says where to look, never what is equal: `virnucpro/batching` runs under Node, too, which has none
 * of its own. Both differ, and nothing that is stored or ordered depends on them.
 */
export const hash32: (bytes: Uint8Array) => number =
  typeof Bun === 'undefined' ? fnv1a : (bytes) => Bun.hash.xxHash32(bytes)

/** FNV-1a. */
export function fnv1a(bytes: Uint8Array): number {
  let hash = 0x811c9dc5
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}
