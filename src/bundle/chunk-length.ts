import { basename } from 'node:path'
import type { Manifest } from './manifest.ts'

/** Chunk length that a classifier was made for, by the name of its file: VirNucPro's own two have it there. */
export function publishedLength(path: string): number | undefined {
  const found = /^(300|500)_model\.pth$/.exec(basename(path))?.[1]
  return found === undefined ? undefined : Number(found)
}

/** Chunk length that the classifier of a bundle was made for; undefined where nobody has said it. */
export function classifierLength({ models }: Manifest): number | undefined {
  const { chunkLength, source } = models.mlp
  const [file] = source.files
  // Bundles of version 0.1.0 have the name of its file only.
  return chunkLength ?? (file === undefined ? undefined : publishedLength(file.name))
}
