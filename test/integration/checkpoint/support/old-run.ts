import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { FeatureFileOptions, FeatureKind } from '../../../../src/torchfile/index.ts'
import { encoders, tableOf } from './tables.ts'

/** A folder that is removed when the scope ends: `using run = oldRun()`. */
export function oldRun(from?: string) {
  const root = mkdtempSync(join(tmpdir(), 'virnucpro-old-run-'))
  if (from !== undefined) cpSync(from, root, { recursive: true })
  const path = (...parts: string[]) => join(root, ...parts)
  return {
    root,
    path,
    write(name: string, content: string | Uint8Array) {
      mkdirSync(dirname(path(name)), { recursive: true })
      writeFileSync(path(name), content)
      return path(name)
    },
    /** A checkpoint with vectors that `tableOf` gives. */
    async checkpoint(
      name: string,
      kind: FeatureKind,
      ids: readonly string[],
      dim: number,
      options: Partial<FeatureFileOptions> & { seed?: number } = {},
    ) {
      const bytes = await encoders[kind](tableOf(ids, dim, options.seed), {
        archiveName: 'output_1_ESM',
        ...options,
      })
      return this.write(name, bytes)
    },
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  }
}

export type OldRun = ReturnType<typeof oldRun>

/** FASTA of ids whose letters tell them apart. */
export function fastaOf(ids: readonly string[], letters = 'MKV'): string {
  return ids.map((id, i) => `>${id}\n${letters.repeat(ids.length - i)}\n`).join('')
}
