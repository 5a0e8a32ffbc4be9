import { stat } from 'node:fs/promises'
import { ModelError } from '../../bundle/errors.ts'
import { fileIdentity } from '../../system/regular-file.ts'
import { ReadError } from '../../system/system-error.ts'

/** @returns what throws a ModelError once one of the files has been written to or replaced */
export async function watchSources(paths: readonly string[]): Promise<() => Promise<void>> {
  const before = await Promise.all(paths.map(identity))
  return async () => {
    for (const [i, path] of paths.entries()) {
      if ((await identity(path)) !== before[i])
        throw new ModelError(`${path} was changed while it was being read. Start the same command again.`)
    }
  }
}

async function identity(path: string): Promise<string> {
  return await stat(path, { bigint: true }).then(fileIdentity, (error) => {
    throw new ReadError(path, error)
  })
}
