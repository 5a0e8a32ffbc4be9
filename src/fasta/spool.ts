import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { WriteError } from '../system/system-error.ts'
import { InputBytes } from './input-bytes.ts'
import { type InputSource, inspectInputs } from './source.ts'

const CHUNK_BYTES = 1 << 20

/** A file that can be read again and again; what was copied for it goes with it. */
export interface KeptInput extends AsyncDisposable {
  readonly path: string
}

/**
 * An input for what reads it more than once: a file as it is, the bytes of a stream in a temporary file of our own.
 *
 * @throws FastaError for an input that cannot be read; WriteError
 */
export async function keepInput(input: string, signal?: AbortSignal): Promise<KeptInput> {
  const [source] = await inspectInputs([input])
  if (source === undefined || source.kind === 'file')
    return { path: input, [Symbol.asyncDispose]: () => Promise.resolve() }
  const folder = await mkdtemp(join(tmpdir(), 'virnucpro-')).catch((error: unknown) => {
    throw new WriteError(tmpdir(), error)
  })
  const remove = () => rm(folder, { recursive: true, force: true })
  const path = join(folder, source.descriptor === undefined ? basename(input) : 'stdin')
  try {
    await copyStream(source, path, signal)
  } catch (error) {
    await remove()
    throw error
  }
  return { path, [Symbol.asyncDispose]: remove }
}

/** Writes what a stream gives to a file that must not be there yet. */
export async function copyStream(source: InputSource, path: string, signal?: AbortSignal): Promise<void> {
  await using bytes = new InputBytes(source, { readBytes: CHUNK_BYTES, digest: false, signal })
  const file = await open(path, 'wx', 0o600).catch((error: unknown) => {
    throw new WriteError(path, error)
  })
  try {
    for await (const chunk of bytes.chunks()) {
      await file.writeFile(chunk).catch((error: unknown) => {
        throw new WriteError(path, error)
      })
    }
  } finally {
    await file.close()
  }
}
