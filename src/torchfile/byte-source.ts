import { type FileHandle, open } from 'node:fs/promises'
import { reasonOf } from '../system/problems.ts'
import { TorchFileError } from './errors.ts'
import { isCount } from './limits.ts'

/** Random access to the bytes of one file, so that a 30 GB checkpoint is never held in memory. */
export interface ByteSource {
  /** Path or label for messages. */
  readonly name: string
  /** Length in bytes. */
  readonly size: number
  /**
   * Exactly `length` bytes from `offset`; the caller must not write to them.
   * @throws TorchFileError when the range is not inside the file
   */
  read(offset: number, length: number): Promise<Uint8Array>
  close(): Promise<void>
}

function byteSource({ name, size, read, close }: ByteSource): ByteSource {
  return {
    name,
    size,
    async read(offset, length) {
      if (!isCount(offset) || !isCount(length) || offset + length > size)
        throw new TorchFileError(
          name,
          `is damaged or truncated: ${length} bytes wanted at offset ${offset}, the file has ${size}`,
        )
      return await read(offset, length)
    },
    close,
  }
}

/** Bytes already in memory; `read` returns views. */
export function memorySource(input: Uint8Array, name: string): ByteSource {
  // A Buffer's slice() is a view where a Uint8Array's is a copy: only the latter goes further.
  const bytes = new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
  const read = async (offset: number, length: number) => bytes.subarray(offset, offset + length)
  return byteSource({ name, size: bytes.length, read, async close() {} })
}

/** One system call moves at most 2^31-1 bytes. */
const MAX_READ = 2 ** 30

async function readFully(handle: FileHandle, into: Uint8Array, offset: number, name: string): Promise<void> {
  let done = 0
  while (done < into.length) {
    const want = Math.min(MAX_READ, into.length - done)
    const { bytesRead } = await handle.read(into, done, want, offset + done)
    if (bytesRead === 0)
      throw new TorchFileError(name, `the file became shorter while being read (at offset ${offset + done})`)
    done += bytesRead
  }
}

/**
 * A regular file read by position.
 * @throws TorchFileError when it cannot be opened or is not a regular file
 */
export async function fileSource(path: string): Promise<ByteSource> {
  let handle: FileHandle
  try {
    handle = await open(path, 'r')
  } catch (cause) {
    throw new TorchFileError(path, `cannot be opened (${reasonOf(cause)})`, {
      advice: 'Check the path and its permissions.',
      cause,
    })
  }
  const stat = await handle.stat()
  if (!stat.isFile()) {
    await handle.close()
    throw new TorchFileError(path, 'is not a regular file', { advice: 'Give the path of a file.' })
  }
  let closed = false
  return byteSource({
    name: path,
    size: stat.size,
    async read(offset, length) {
      const bytes = new Uint8Array(length)
      await readFully(handle, bytes, offset, path)
      return bytes
    },
    async close() {
      if (closed) return
      closed = true
      await handle.close()
    },
  })
}

/** A little-endian view of the same bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
