import { createReadStream, existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { FILES, type LayoutName, type OutputPaths, runPaths, sharedFiles } from '../layout/index.ts'

export const LAYOUTS: readonly LayoutName[] = ['vanilla', 'broad']

/** Names of files of a part, or of a batch, whichever of the programs wrote them. */
export const NAMES = {
  fasta: /^output_(\d+)\.fa$/,
  checkpoint: /^output_\d+_.*\.pt$/,
  marker: /^output_\d+.*\.pt\.done$/,
  shard: /^shard_\d+$/,
  batch: /^batch_\d+\.pt$/,
} as const

/** Names of files of a part of one kind that any of the programs gives, today's first. */
export function namesOf(kind: 'dnabertPart' | 'esmPart', part: number): string[] {
  const { name, formerly } = FILES[kind]
  return [name, ...formerly].map((template) => template.replace('{part}', String(part)))
}

/** The runs of a folder differ in this. */
export interface OldRun {
  root: string
  stem: string
  layout: LayoutName
  /** Those there are; the two layouts differ for a stem that holds `nucleotide`. */
  mergedFolders: string[]
  /** Chunk length, from the name of the file of chunks. */
  expectedLength: number | undefined
}

/** The names of a run in one layout, or in another one. */
export function pathsOf(
  { root, stem, expectedLength = 500 }: Pick<OldRun, 'root' | 'stem'> & Partial<OldRun>,
  layout: LayoutName,
): OutputPaths {
  return runPaths({ root, stem, expectedLength, layout })
}

/** The runs whose parts or results lie in a folder. */
export async function runsIn(root: string): Promise<OldRun[]> {
  const names = await namesIn(root)
  const stemsOf = (pattern: RegExp) => names.flatMap((name) => pattern.exec(name)?.[1] ?? [])
  const stems = new Set(stemsOf(/^(.+)_(?:nucleotide|protein)$/))
  const taken = new Set([...stems].flatMap((stem) => mergedFolders(root, stem)))
  // Broad's fork removes the parts of a finished run and leaves the merged files.
  for (const stem of stemsOf(/^(.+)_merged$/)) if (!taken.has(join(root, `${stem}_merged`))) stems.add(stem)
  return [...stems].map((stem) => {
    const chunked = names.find((name) => name.startsWith(`${stem}_chunked`) && /_chunked\d+\.fa$/.test(name))
    return {
      root,
      stem,
      layout: layoutIn(root, stem),
      mergedFolders: mergedFolders(root, stem).filter((folder) => existsSync(folder)),
      expectedLength: chunked === undefined ? undefined : Number(/(\d+)\.fa$/.exec(chunked)?.[1]),
    }
  })
}

function mergedFolders(root: string, stem: string): string[] {
  return [...new Set(LAYOUTS.map((layout) => pathsOf({ root, stem }, layout).mergedFolder))]
}

function layoutIn(root: string, stem: string | undefined): LayoutName {
  const has = (layout: LayoutName) =>
    stem !== undefined && existsSync(pathsOf({ root, stem }, layout).nucleotide)
  const isBroad = existsSync(broadFolder(root)) || existsSync(join(root, 'esm_v2')) || has('broad')
  return isBroad && !has('vanilla') ? 'broad' : 'vanilla'
}

/** The layout of the run that a checkpoint file belongs to, by what else the run has written. */
export function layoutOf(checkpoint: string): LayoutName {
  const folder = dirname(checkpoint)
  if (NAMES.shard.test(basename(folder)) || existsSync(`${checkpoint}.done`)) return 'broad'
  return layoutIn(dirname(folder), /^(.*)_(nucleotide|protein|merged)$/.exec(basename(folder))?.[1])
}

/** Broad's state; holds `shard_N/batch_NNNNN.pt` of its second ESM path. */
function broadFolder(root: string): string {
  return dirname(sharedFiles(root).broadState)
}

/** Names of a folder in the order of their numbers; none where there is no such folder. */
export async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [])
  return names.sort(byNumbers)
}

/** `output_2` before `output_10`. */
export function byNumbers(a: string, b: string): number {
  return collator.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0)
}

const collator = new Intl.Collator('en', { numeric: true })

async function pathsIn(folder: string, pattern: RegExp): Promise<string[]> {
  const names = await namesIn(folder)
  return names.filter((name) => pattern.test(name)).map((name) => join(folder, name))
}

/** Broad's `shard_N/batch_NNNNN.pt`, in order. */
export async function batchFiles(root: string): Promise<string[]> {
  const shards = await pathsIn(broadFolder(root), NAMES.shard)
  return (await Promise.all(shards.map((shard) => pathsIn(shard, NAMES.batch)))).flat()
}

/** Files of vectors that an old run left; undefined where there are none. */
export interface LegacyRun {
  /** Nucleotide parts, protein parts, batches, each in the order of their numbers. */
  files: string[]
}

/**
 * Looks for what the original or Broad's fork left of a run. Merged files are left out: nothing in them says
 * whether they belong to the vectors beside them, and Broad's fork keeps those of earlier inputs.
 */
export async function findLegacyRun(
  root: string,
  stem: string,
  layout: LayoutName,
): Promise<LegacyRun | undefined> {
  const { nucleotideFolder, proteinFolder } = pathsOf({ root, stem }, layout)
  const parts = [nucleotideFolder, proteinFolder].map((folder) => pathsIn(folder, NAMES.checkpoint))
  const files = (await Promise.all(parts)).flat().filter((path) => !basename(path).includes('merged'))
  files.push(...(await batchFiles(root)))
  return files.length === 0 ? undefined : { files }
}

export const RESUMED = "is of a run that Broad's ESM path resumed, which puts vectors under the wrong ids"

/**
 * Whether Broad's second ESM path resumed in this run. It then wrote its resumed vectors under ids in random
 * order, so that no protein `.pt` of the run can be trusted; its batches can.
 */
export async function wasResumedByBroad(root: string): Promise<boolean> {
  for (const folder of ['esm_v2/logs', 'esm_v2', 'logs'])
    for (const path of await pathsIn(join(root, folder), /^worker_\d+\.log$/))
      if (await holds(path, 'Resuming from')) return true
  return false
}

/** Logs of long runs are large: they are looked through in pieces. */
async function holds(path: string, words: string): Promise<boolean> {
  let end = ''
  try {
    for await (const block of createReadStream(path, { encoding: 'latin1', highWaterMark: 1 << 20 })) {
      const text = end + block
      if (text.includes(words)) return true
      end = text.slice(-words.length)
    }
  } catch {
    // Not readable is not there.
  }
  return false
}

/** Asks about each folder once. */
export function oncePerFolder<T>(ask: (folder: string) => Promise<T>): (folder: string) => Promise<T> {
  const answers = new Map<string, Promise<T>>()
  return (folder) => {
    const answer = answers.get(folder) ?? ask(folder)
    answers.set(folder, answer)
    return answer
  }
}
