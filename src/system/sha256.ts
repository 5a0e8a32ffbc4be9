import { type FileHandle, open, stat } from 'node:fs/promises'
import { fileIdentity } from './regular-file.ts'

const BLOCK_BYTES = 1 << 20

/** SHA-256 of a file of any size, in lower-case hexadecimal. */
export async function sha256File(path: string, signal?: AbortSignal): Promise<string> {
  await using file = await open(path, 'r')
  return await sha256Open(file, signal)
}

const known = new Map<string, string>()

/** The same, of a file of gigabytes: one that nobody has written to since this process last asked is not read again. */
export async function sha256Large(path: string, signal?: AbortSignal): Promise<string> {
  const identity = fileIdentity(await stat(path, { bigint: true }))
  const digest = known.get(identity) ?? (await sha256File(path, signal))
  known.set(identity, digest)
  return digest
}

/** The same of what is left of a file that is open. */
export async function sha256Open(file: FileHandle, signal?: AbortSignal): Promise<string> {
  const hasher = new Bun.CryptoHasher('sha256')
  const block = Buffer.allocUnsafe(BLOCK_BYTES)
  for (;;) {
    signal?.throwIfAborted()
    const { bytesRead } = await file.read(block, 0, BLOCK_BYTES, null)
    if (bytesRead === 0) return hasher.digest('hex')
    hasher.update(block.subarray(0, bytesRead))
  }
}

/** SHA-256 of bytes in memory, in lower-case hexadecimal. */
export function sha256(bytes: Uint8Array | string): string {
  return new Bun.CryptoHasher('sha256').update(bytes).digest('hex')
}
