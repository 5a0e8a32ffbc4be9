import { createReadStream } from 'node:fs'

/** SHA-256 of a file of any size, in lower-case hexadecimal. */
export async function sha256File(path: string, signal?: AbortSignal): Promise<string> {
  const hasher = new Bun.CryptoHasher('sha256')
  for await (const block of createReadStream(path, { highWaterMark: 1 << 20 })) {
    hasher.update(block)
    signal?.throwIfAborted()
  }
  return hasher.digest('hex')
}
