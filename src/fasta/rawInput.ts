import { read as readCallback } from 'node:fs'
import { access, constants, type FileHandle, open, stat } from 'node:fs/promises'
import { FastaError } from './errors.ts'

/** Name of an input in records and messages. */
export function sourceName(input: string): string {
  return input === '-' ? '<stdin>' : input
}

/** Finds what cannot be opened before hours are spent on the inputs before it. */
export async function checkInputs(inputs: readonly string[]): Promise<void> {
  if (inputs.filter((input) => input === '-').length > 1) {
    throw new FastaError('<stdin>: standard input ("-") can be given only once', {
      source: '<stdin>',
      reason: 'stdin_twice',
    })
  }
  for (const input of inputs) {
    if (input === '-') continue
    try {
      if ((await stat(input)).isDirectory()) {
        throw new FastaError(`${input}: this is a directory; give the FASTA or FASTQ files in it`, {
          source: input,
          reason: 'directory',
        })
      }
      await access(input, constants.R_OK)
    } catch (cause) {
      throw cause instanceof FastaError ? cause : openError(input, cause)
    }
  }
}

function openError(input: string, cause: unknown): FastaError {
  const { code, message } = cause as NodeJS.ErrnoException
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new FastaError(`${input}: no such file; check the path`, {
      source: input,
      reason: 'not_found',
      cause,
    })
  }
  const why = code === 'EACCES' || code === 'EPERM' ? 'no permission to read it' : message
  return new FastaError(`${input}: cannot be read: ${why}`, { source: input, reason: 'unreadable', cause })
}

/**
 * Chunks of a file or of standard input as stored, the next one read while the caller works on this one.
 * With `reuse`, which may change on the way, a chunk is valid only until the next is asked for.
 */
export async function* rawChunks(
  input: string,
  readBytes: number,
  options: { reuse: boolean; signal?: AbortSignal | undefined },
): AsyncGenerator<Uint8Array> {
  const { signal } = options
  let handle: FileHandle | undefined
  try {
    handle = input === '-' ? undefined : await open(input)
  } catch (cause) {
    throw openError(input, cause)
  }
  const descriptor = handle?.fd ?? 0
  const buffers = [new Uint8Array(readBytes), new Uint8Array(readBytes)] as const
  const next = (turn: number) => {
    const buffer = options.reuse ? buffers[(turn & 1) as 0 | 1] : new Uint8Array(readBytes)
    const result = readSome(descriptor, buffer, signal).then((length) => buffer.subarray(0, length))
    result.catch(() => {}) // awaited a turn later; until then it is no unhandled rejection
    return result
  }
  let pending = next(0)
  try {
    for (let turn = 1; ; turn++) {
      const chunk = await abortable(pending, signal)
      if (chunk.length === 0) return
      pending = next(turn)
      yield chunk
    }
  } catch (cause) {
    if (signal?.aborted) throw signal.reason
    throw openError(sourceName(input), cause)
  } finally {
    // Not awaited: a read from a silent pipe may never end.
    pending.catch(() => {}).then(() => handle?.close())
  }
}

/** Bytes read into `buffer`; 0 at the end. */
async function readSome(descriptor: number, buffer: Uint8Array, signal?: AbortSignal): Promise<number> {
  for (;;) {
    try {
      return await new Promise<number>((resolve, reject) => {
        readCallback(descriptor, buffer, 0, buffer.length, null, (error, length) =>
          error ? reject(error) : resolve(length),
        )
      })
    } catch (error) {
      // A pipe that another process set non-blocking has nothing yet.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || signal?.aborted) throw error
      await Bun.sleep(5)
    }
  }
}

/** The promise's value, or the signal's reason as soon as it aborts. */
async function abortable<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return promise
  signal.throwIfAborted()
  let onAbort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
