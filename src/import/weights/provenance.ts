import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { esm2Size, LICENCES, ModelError, PUBLISHED_ESM2, type SourceRecord } from '../../bundle/index.ts'
import { fileIdentity } from '../../system/regular-file.ts'
import { sha256Large } from '../../system/sha256.ts'
import { cannotRead } from '../../system/system-error.ts'

export type ModelFacts =
  | {
      readonly kind: 'esm2'
      readonly name: string
      readonly layers: number
      readonly width: number
      readonly heads: number
    }
  | { readonly kind: 'dnabert_s'; readonly name: string; readonly layers: number; readonly width: number }
  | { readonly kind: 'mlp'; readonly name: string; readonly input: number; readonly hidden: number }

/** Licence of a published model: one whose name and dimensions both are. 'unknown' for any other, of which only its owner knows. */
export function licenceOf(model: ModelFacts): string {
  return isPublished(model) ? LICENCES[model.kind] : 'unknown'
}

function isPublished(model: ModelFacts): boolean {
  switch (model.kind) {
    case 'esm2':
      return /esm2_t\d+_\d+[MB]_UR50D/.test(model.name) && Object.hasOwn(PUBLISHED_ESM2, esm2Size(model))
    case 'dnabert_s':
      return /dnabert/i.test(model.name) && model.layers === 12 && model.width === 768
    case 'mlp':
      return /^(300|500)_model\.pth$/.test(model.name) && model.input === 3328 && model.hidden === 512
  }
}

/** Names, sizes and checksums of the files a model was read from; paths are left out, they are the user's business. */
export async function recordSources(
  files: readonly string[],
  licence: string,
  signal?: AbortSignal,
): Promise<SourceRecord> {
  const records = []
  for (const path of files) {
    const { size } = await stat(path)
    records.push({ name: basename(path), bytes: size, sha256: await sha256Large(path, signal) })
  }
  return { licence, files: records }
}

/** Names of files that exist in a folder. */
export async function existing(folder: string, names: readonly string[]): Promise<string[]> {
  const paths = names.map((name) => join(folder, name))
  const present = await Promise.all(paths.map((path) => Bun.file(path).exists()))
  return paths.filter((_, i) => present[i])
}

/** @returns what throws a ModelError once one of the files has been written to or replaced */
export async function rememberSources(paths: readonly string[]): Promise<() => Promise<void>> {
  const before = await Promise.all(paths.map(identity))
  return async () => {
    for (const [i, path] of paths.entries()) {
      if ((await identity(path)) !== before[i])
        throw new ModelError(`${path} was changed while it was being read. Start the same command again.`)
    }
  }
}

async function identity(path: string): Promise<string> {
  return await stat(path, { bigint: true }).then(fileIdentity, cannotRead(path))
}
