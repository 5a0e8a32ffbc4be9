/** Bytes that a buffer begins with: of many runs at the same time most are small. */
export const FIRST_BYTES = 1 << 12

/** The same content with room for `needed` bytes, twice as large again and again; never larger than `most`. */
export function grown(buffer: Buffer<ArrayBuffer>, needed: number, most: number): Buffer<ArrayBuffer> {
  if (buffer.length >= Math.min(needed, most)) return buffer
  let length = buffer.length
  while (length < needed && length < most) length *= 2
  const larger = Buffer.allocUnsafeSlow(length)
  larger.set(buffer)
  return larger
}
