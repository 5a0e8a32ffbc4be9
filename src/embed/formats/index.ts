// The forms that a file of embeddings can have: one table.

import { extname } from 'node:path'
import { UsageError } from '../../system/errors.ts'
import type { Write } from './format.ts'

export type { Content, Rows, Write } from './format.ts'

/** What writes a file, by its ending; loaded when it is needed. */
const FORMATS: Readonly<Record<string, () => Promise<Write>>> = {
  '.parquet': async () => (await import('./parquet.ts')).writeAsParquet,
  '.npz': async () => (await import('./npz.ts')).writeAsNpz,
  '.safetensors': async () => (await import('./safetensors.ts')).writeAsSafetensors,
}

/** What writes a file of this name. @throws UsageError for an ending of no form */
export function formatOf(path: string): () => Promise<Write> {
  const ending = extname(path).toLowerCase()
  const format = FORMATS[ending]
  if (format !== undefined) return format
  throw new UsageError(
    `${path}: the ending says in which form embeddings are written, and ${ending === '' ? 'there is none' : `${ending} is none of them`}: ` +
      `expected ${Object.keys(FORMATS).join(', ')}`,
  )
}
