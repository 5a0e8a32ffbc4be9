import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { LayoutName } from '../layout/index.ts'
import { namesIn, runFolders } from './find.ts'

/** The files of one run in a folder, as any of the programs names them. */
export interface OldRun {
  root: string
  stem: string
  layout: LayoutName
  /** Those there are; the two layouts differ for a stem that holds `nucleotide`. */
  mergedFolders: string[]
  /** Chunk length, from the name of the file of chunks. */
  expectedLength: number | undefined
  chunked: string | undefined
}

/** The runs whose parts or results lie in a folder. */
export async function runsIn(root: string): Promise<OldRun[]> {
  const names = await namesIn(root)
  const stems = new Set<string>()
  for (const name of names) {
    const stem = /^(.+)_(?:nucleotide|protein)$/.exec(name)?.[1]
    if (stem !== undefined) stems.add(stem)
  }
  const taken = new Set([...stems].flatMap((stem) => mergedNames(root, stem)))
  // Broad's fork removes the parts of a finished run and leaves the merged files.
  for (const name of names) {
    const stem = /^(.+)_merged$/.exec(name)?.[1]
    if (stem !== undefined && !taken.has(join(root, name))) stems.add(stem)
  }
  return [...stems].map((stem) => describe(root, stem, names))
}

function mergedNames(root: string, stem: string): string[] {
  return [...new Set([runFolders(root, stem, 'vanilla').merged, runFolders(root, stem, 'broad').merged])]
}

function describe(root: string, stem: string, names: readonly string[]): OldRun {
  const has = (...parts: string[]) => existsSync(join(root, ...parts))
  const isBroad = has('.checkpoints') || has('esm_v2') || has(`${stem}_nucleotide.fa`)
  const chunked = names.find((name) => name.startsWith(`${stem}_chunked`) && /_chunked\d+\.fa$/.test(name))
  return {
    root,
    stem,
    layout: isBroad && !has(`${stem}_identified_nucleotide.fa`) ? 'broad' : 'vanilla',
    mergedFolders: mergedNames(root, stem).filter((folder) => existsSync(folder)),
    chunked: chunked === undefined ? undefined : join(root, chunked),
    expectedLength: chunked === undefined ? undefined : Number(/(\d+)\.fa$/.exec(chunked)?.[1]),
  }
}
