import { closeSync, constants, openSync, read as readCallback } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { type InputSource, openError } from './source.ts'

/**
 * Chunks of an input as stored, the next one read while the caller works on this one.
 * With `reuse`, which may change on the way, a chunk is valid only until the next is asked for.
 */
export async function* rawChunks(
  source: InputSource,
  readBytes: number,
  options: { reuse: boolean; signal?: AbortSignal | undefined },
): AsyncGenerator<Uint8Array> {
  const { signal } = options
  let handle: FileHandle | undefined
  try {
    handle = source.descriptor === undefined ? await openOrGiveUp(source, signal) : undefined
  } catch (cause) {
    if (signal?.aborted) throw signal.reason
    throw openError(source.name, cause)
  }
  const descriptor = handle?.fd ?? source.descriptor ?? 0
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
    throw openError(source.name, cause)
  } finally {
    // Not awaited: a read from a silent pipe may never end.
    pending.catch(() => {}).then(() => handle?.close())
  }
}

/**
 * Opens an input. A named pipe opens only when its writer does: an abort ends the wait, and gives back the thread that
 * waits in `open`, which nothing else would end.
 */
async function openOrGiveUp(
  { input, kind }: InputSource,
  signal: AbortSignal | undefined,
): Promise<FileHandle> {
  const opening = open(input)
  if (kind === 'file') return await opening
  try {
    return await abortable(opening, signal)
  } catch (error) {
    opening.then(
      (handle) => handle.close(),
      () => {},
    )
    if (signal?.aborted) comeAsWriter(input)
    throw error
  }
}

/** Opening a pipe for both directions never waits (fifo(7)), and whoever waits for a writer goes on. */
function comeAsWriter(path: string): void {
  try {
    closeSync(openSync(path, constants.O_RDWR | constants.O_NONBLOCK))
  } catch {
    // Gone, or not ours to write to: the thread waits until the process ends.
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
