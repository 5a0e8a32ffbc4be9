import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

/**
 * Most bytes of the files that are read whole, by kind: far above what any program writes, and little enough that a file named by
 * mistake ends in an error and not in a process without memory. Documents with many small values take some thirty times as much
 * memory as they have bytes.
 */
export const MOST_BYTES = {
  /** A description: manifests, tokenizers, settings of models, records of the home, configurations of a server. */
  description: 16 << 20,
  /** Something that grows with the inputs of a run, or with its parts. */
  state: 64 << 20,
  /** The graph of a classifier, the largest file of a bundle that is not read piece by piece. */
  classifier: 1 << 30,
  /** A million rows of sixty letters. */
  sampleSheet: 64 << 20,
  /** Who holds a lock. */
  note: 64 << 10,
  /** What a run of months has measured of itself. */
  metrics: 1 << 29,
  /** Ids and scores of a part, or its rows: ten thousand ids, each of them as long as a header may be, would be more. */
  part: 1 << 30,
} as const

/** A file is larger than any of its kind. Node has the same code for what it cannot take into memory. */
export class TooLargeError extends Error {
  override readonly name = 'TooLargeError'
  readonly code = 'ERR_FS_FILE_TOO_LARGE'

  readonly path: string | undefined
  /** Undefined for a pipe or a device, which may never end. */
  readonly bytes: number | undefined

  constructor(path: string | undefined, most: number, bytes: number | undefined) {
    super(`more than ${most} bytes`)
    this.path = path
    this.bytes = bytes
  }
}

/** The first piece of a file whose size is not known. */
const FIRST_BYTES = 1 << 16

/**
 * Reads a file, a pipe or a device of at most so many bytes.
 *
 * @throws TooLargeError; errors of the operating system
 */
export async function readWithin(path: string, most: number, flag: number | string = 'r'): Promise<Buffer> {
  await using file = await open(path, flag)
  return await readOpenWithin(file, most, path)
}

/** The same as text in UTF-8. */
export async function readText(
  path: string,
  most: number = MOST_BYTES.description,
  flag: number | string = 'r',
): Promise<string> {
  return (await readWithin(path, most, flag)).toString('utf8')
}

/** The same for a file that is open, from where it is read next. */
export async function readOpenWithin(file: FileHandle, most: number, path?: string): Promise<Buffer> {
  const filling = new Filling(path, most, (await file.stat()).size)
  try {
    while (filling.take((await file.read(filling.free())).bytesRead)) {
      // The next piece.
    }
  } catch (error) {
    throw withPath(error, path)
  }
  return filling.bytes
}

/** The same at once. */
export function readWithinSync(path: string, most: number, flag: number | string = 'r'): Buffer {
  const file = openSync(path, flag)
  try {
    const filling = new Filling(path, most, fstatSync(file).size)
    while (filling.take(readSync(file, filling.free()))) {
      // The next piece.
    }
    return filling.bytes
  } catch (error) {
    throw withPath(error, path)
  } finally {
    closeSync(file)
  }
}

/** The same at once, as text in UTF-8. */
export function readTextSync(path: string, most: number, flag: number | string = 'r'): string {
  return readWithinSync(path, most, flag).toString('utf8')
}

/** Content that is read piece by piece. */
class Filling {
  readonly #path: string | undefined
  readonly #most: number
  #buffer: Buffer
  #used = 0

  /** @param size - as the system has it: 0 for what is no file, and for some files that are none on a disk */
  constructor(path: string | undefined, most: number, size: number) {
    if (size > most) throw new TooLargeError(path, most, size)
    this.#path = path
    this.#most = most
    // One byte more shows the end without another buffer.
    this.#buffer = Buffer.allocUnsafeSlow(size > 0 ? size + 1 : FIRST_BYTES)
  }

  /** Where the next bytes belong. */
  free(): Buffer {
    if (this.#used === this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(2 * this.#used, this.#most + 1))
      larger.set(this.#buffer)
      this.#buffer = larger
    }
    return this.#buffer.subarray(this.#used)
  }

  /** @returns whether there may be more */
  take(read: number): boolean {
    this.#used += read
    if (this.#used > this.#most) throw new TooLargeError(this.#path, this.#most, undefined)
    return read > 0
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#used)
  }
}

/** Calls on an open file do not say which one it is. */
function withPath(error: unknown, path: string | undefined): unknown {
  if (error instanceof Error && path !== undefined && !('path' in error)) Object.assign(error, { path })
  return error
}
