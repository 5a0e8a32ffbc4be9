const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Elements of a BYTES tensor on the wire: each a little-endian 32-bit length and then its bytes. */
export function packBytes(elements: readonly (string | Uint8Array)[]): Uint8Array {
  const encoded = elements.map((element) => (typeof element === 'string' ? encoder.encode(element) : element))
  const out = new Uint8Array(encoded.reduce((sum, element) => sum + 4 + element.length, 0))
  const view = new DataView(out.buffer)
  let at = 0
  for (const element of encoded) {
    view.setUint32(at, element.length, true)
    out.set(element, at + 4)
    at += 4 + element.length
  }
  return out
}

/** The reverse of `packBytes`, without copying; undefined where the bytes do not hold exactly `count` elements. */
export function unpackBytes(raw: Uint8Array, count: number): Uint8Array[] | undefined {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength)
  const elements: Uint8Array[] = []
  let at = 0
  while (at < raw.length) {
    if (elements.length === count || at + 4 > raw.length) return undefined
    const end = at + 4 + view.getUint32(at, true)
    if (end > raw.length) return undefined
    elements.push(raw.subarray(at + 4, end))
    at = end
  }
  return elements.length === count ? elements : undefined
}

/**
 * The elements of a BYTES tensor as text.
 *
 * @throws TypeError where one is not valid UTF-8
 */
export function texts(elements: readonly Uint8Array[]): string[] {
  return elements.map((element) => decoder.decode(element))
}
