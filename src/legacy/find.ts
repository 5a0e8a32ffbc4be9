import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { LayoutName } from '../layout/index.ts'

/** Folders of one run, whichever of the programs made it. */
export interface RunFolders {
  nucleotide: string
  protein: string
  merged: string
  /** Broad's state; holds `shard_N/batch_NNNNN.pt` of its second ESM path. */
  state: string
}

export function runFolders(root: string, stem: string, layout: LayoutName): RunFolders {
  const nucleotide = `${stem}_nucleotide`
  return {
    nucleotide: join(root, nucleotide),
    protein: join(root, `${stem}_protein`),
    // The original replaces every "nucleotide" of the path, so one in the stem changes too.
    merged: join(
      root,
      layout === 'vanilla' ? nucleotide.replaceAll('nucleotide', 'merged') : `${stem}_merged`,
    ),
    state: join(root, '.checkpoints'),
  }
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

/** Broad's `shard_N/batch_NNNNN.pt`, in order. */
export async function batchFiles(state: string): Promise<string[]> {
  const files: string[] = []
  for (const shard of await namesIn(state)) {
    if (!/^shard_\d+$/.test(shard)) continue
    for (const name of await namesIn(join(state, shard))) {
      if (/^batch_\d+\.pt$/.test(name)) files.push(join(state, shard, name))
    }
  }
  return files
}

/** Files of vectors that an old run left; undefined where there are none. */
export interface LegacyRun {
  /** Nucleotide parts, protein parts, batches, each in the order of their numbers. */
  files: string[]
}

/**
 * Looks for what the original or Broad's fork left of a run. Merged files are left out: nothing in them tells
 * whether they belong to the vectors beside them, and Broad's fork keeps those of earlier inputs.
 */
export async function findLegacyRun(
  root: string,
  stem: string,
  layout: LayoutName,
): Promise<LegacyRun | undefined> {
  const { nucleotide, protein, state } = runFolders(root, stem, layout)
  const files: string[] = []
  for (const folder of [nucleotide, protein]) {
    for (const name of await namesIn(folder)) {
      if (/^output_\d+_(?!.*merged).*\.pt$/.test(name)) files.push(join(folder, name))
    }
  }
  files.push(...(await batchFiles(state)))
  return files.length === 0 ? undefined : { files }
}

/**
 * Whether Broad's second ESM path resumed in this run. It then wrote its resumed vectors under ids in random
 * order, so that no protein `.pt` of the run can be trusted; its batches can.
 */
export async function wasResumedByBroad(root: string): Promise<boolean> {
  for (const folder of [join(root, 'esm_v2', 'logs'), join(root, 'esm_v2'), join(root, 'logs')]) {
    for (const name of await namesIn(folder)) {
      if (!/^worker_\d+\.log$/.test(name)) continue
      if (await holds(join(folder, name), 'Resuming from')) return true
    }
  }
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
