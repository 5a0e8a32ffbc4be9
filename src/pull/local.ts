import { constants, createReadStream } from 'node:fs'
import { mkdir, open, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { DataError, NoInputError, VirnucproError } from '../system/errors.ts'
import { ReadError, WriteError } from '../system/system-error.ts'
import { filesOfFolder, isFile } from './caches.ts'
import type { Pullable } from './catalogue.ts'
import { faultOf } from './content.ts'
import { appear, GROWING, unfinishedName } from './unfinished.ts'

/** A file of a model on this machine and its name below the folder of weights. */
export interface LocalFile {
  readonly name: string
  readonly path: string
  readonly bytes: number
}

/**
 * The files of a model in a folder that somebody brought here: the file or folder itself, or a folder that has it.
 *
 * @throws NoInputError
 */
export async function localFiles(model: Pullable, from: string): Promise<LocalFile[]> {
  const { place, beside, repository = '' } = model
  if (model.url !== undefined) {
    const path = (await isFile(from)) ? from : join(from, place)
    if (!(await isFile(path))) throw new NoInputError(`${from}: there is no ${place}`)
    if (basename(path) !== place)
      throw new NoInputError(`${from}: expected ${place}, or the folder that holds it`)
    return [await described(place, path)]
  }
  const folders = [join(from, place), join(from, ...repository.split('/')), from]
  for (const folder of folders) {
    const names = await filesOfFolder(folder, beside)
    if (names === undefined) continue
    return await Promise.all(names.map((name) => described(join(place, name), join(folder, name))))
  }
  throw new NoInputError(
    `${from}: there is no folder ${place} with ${beside.join(', ')} and model.safetensors or pytorch_model.bin`,
  )
}

async function described(name: string, path: string): Promise<LocalFile> {
  return { name, path, bytes: (await stat(path)).size }
}

/** Copies a file, whole or not at all. @throws DataError when it is damaged */
export async function copyFile(
  target: string,
  { path }: LocalFile,
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const fault = await faultOf(path, target, undefined, signal)
  if (fault !== undefined) throw new DataError(`${path}: ${fault}`)
  const unfinished = unfinishedName(target)
  try {
    await mkdir(dirname(target), { recursive: true })
    await using file = await open(unfinished, GROWING | constants.O_TRUNC)
    for await (const bytes of read(path)) {
      signal.throwIfAborted()
      await file.writeFile(bytes)
      onBytes(bytes.length)
    }
    await file.sync()
  } catch (error) {
    if (error instanceof VirnucproError || signal.aborted) throw error
    throw new WriteError(target, error)
  }
  await appear(unfinished, target)
}

async function* read(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { highWaterMark: 1 << 20 })
  } catch (error) {
    throw new ReadError(path, error)
  }
}
