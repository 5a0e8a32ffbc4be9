import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { listOwnRuns, manifestDifferences, type RunManifest, readManifest } from '../checkpoint/index.ts'
import { type LayoutName, type OutputPaths, runPaths, STATES_FOLDER } from '../layout/index.ts'
import { DataError, NoInputError } from '../system/errors.ts'
import { isThere } from '../system/same-file.ts'

import { count } from '../text/numbers.ts'
import { digestIfThere } from './digest.ts'
import type { Shard, Shards } from './manifest.ts'

/** A finished run over a shard, or over an input of its own. */
export interface ShardRun {
  /** For messages: its folder, and its stem where the folder holds several. */
  name: string
  paths: OutputPaths
  manifest: RunManifest
}

/**
 * The runs in some folders, all of which must have finished, in the order of the folders and of their names. Embeddings are
 * passed over, and with a list of shards also an earlier merger of them, finished or not: it may lie among the runs.
 * @throws NoInputError for a folder without a run; DataError naming all runs that are not finished
 */
export async function findRuns(folders: readonly string[], shards?: Shards): Promise<ShardRun[]> {
  const found: (ShardRun | { problem: string })[] = []
  for (const folder of new Set(folders)) {
    const own = await placesOfRuns(folder, shards)
    if (own.length === 0)
      throw new NoInputError(`${folder} holds no run: expected the output folder of one, or folders of runs`)
    for (const { place, stem, isOneOfSome } of own) found.push(await openRun(place, stem, isOneOfSome))
  }
  const problems = found.flatMap((each) => ('problem' in each ? [`  ${each.problem}`] : []))
  if (problems.length > 0) throw new DataError(['these runs are not finished:', ...problems, AGAIN])
  return found.filter((each) => 'manifest' in each)
}

/** The runs in a folder; where there are none, those in the folders below it, as one run over many samples leaves them. */
async function placesOfRuns(folder: string, shards: Shards | undefined) {
  const runsIn = async (place: string) => {
    const runs = (await listOwnRuns(place)).filter(({ manifest }) => !isOfAnotherKind(manifest, shards))
    return runs.map(({ stem }) => ({ place, stem, isOneOfSome: runs.length > 1 }))
  }
  const own = await runsIn(folder)
  if (own.length > 0) return own
  const names = (await readdir(folder)).sort()
  return (await Promise.all(names.map((name) => runsIn(join(folder, name))))).flat()
}

function isOfAnotherKind(manifest: RunManifest | undefined, shards: Shards | undefined): boolean {
  if (manifest === undefined) return false
  if (manifest.settings.embeddings !== undefined) return true
  const digests = (inputs: RunManifest['inputs']) => inputs.map(({ sha256 }) => sha256).join()
  return (
    shards !== undefined &&
    manifest.merged !== undefined &&
    digests(manifest.inputs) === digests(shards.inputs)
  )
}

async function openRun(
  folder: string,
  stem: string,
  isOneOfSome: boolean,
): Promise<ShardRun | { problem: string }> {
  const name = isOneOfSome ? `${folder} (${stem})` : folder
  const manifest = await readManifest(join(folder, STATES_FOLDER, stem))
  if (typeof manifest !== 'object') {
    const what = manifest === 'newer' ? 'of a newer version of virnucpro' : 'damaged'
    return { problem: `${name}: its state is ${what}` }
  }
  const paths = pathsOf(folder, stem, manifest)
  return manifest.status === 'finished'
    ? { name, paths, manifest }
    : { problem: `${name}: ${await whyUnfinished(paths)}` }
}

const AGAIN = 'give the command of each once more: it computes what is missing. Nothing was merged'

function pathsOf(root: string, stem: string, { settings }: RunManifest): OutputPaths {
  const layout: LayoutName = settings.layout === 'broad' ? 'broad' : 'vanilla'
  return runPaths({ root, stem, layout, expectedLength: Number(settings.expectedLength) })
}

async function whyUnfinished(paths: OutputPaths): Promise<string> {
  return (await isThere(paths.failedFrames))
    ? `frames could not be computed, see ${paths.failedFrames}`
    : 'it was interrupted, or goes on'
}

/**
 * The run over each shard, in their order.
 * @throws DataError naming the shards without a run, those with several, and runs over something else
 */
export function matchRuns(runs: readonly ShardRun[], { shards }: Shards): Map<Shard, ShardRun> {
  const matched = new Map<Shard, ShardRun>()
  const used = new Set<ShardRun>()
  const problems: string[] = []
  for (const shard of shards) {
    const over = runs.filter(({ manifest }) => isOver(manifest, shard))
    for (const run of over) used.add(run)
    const what = `  shard ${shard.number} of ${shards.length} (${shard.file})`
    // Those without a record are all the same.
    if (over.length === 0) problems.push(`${what} has no run in the folders given`)
    else if (over.length > 1 && shard.records > 0)
      problems.push(
        `${what} has ${over.length} runs: ${over.map(({ name }) => name).join(', ')}; give one of them`,
      )
    else matched.set(shard, over[0] as ShardRun)
  }
  for (const { name } of runs.filter((run) => !used.has(run)))
    problems.push(`  ${name} is a run over none of the shards`)
  if (problems.length === 0) return matched
  throw new DataError([
    `the runs are not those of the ${count(shards.length, 'shard')}:`,
    ...problems,
    'Nothing was merged',
  ])
}

function isOver({ inputs }: RunManifest, { sha256 }: Shard): boolean {
  return inputs.length === 1 && inputs[0]?.sha256 === sha256
}

/** What may differ: intermediates are not merged. */
const IGNORED = { keepIntermediate: false }

/**
 * Makes sure that runs can be one: same settings, models, version and rule of the calls, tables as they were written.
 * @throws DataError naming the first run that differs, and in what
 */
export async function requireAlike(runs: readonly ShardRun[], signal?: AbortSignal): Promise<void> {
  const [first] = runs as readonly [ShardRun]
  for (const run of runs) {
    signal?.throwIfAborted()
    const lines = differences(first, run)
    if (lines.length > 0)
      throw new DataError([
        `${run.name} cannot be merged with ${first.name}:`,
        ...lines.map((line) => `  ${line}`),
        'Nothing was merged',
      ])
    await requireWhole(run, signal)
  }
}

function differences({ manifest: first }: ShardRun, { manifest: other }: ShardRun): string[] {
  const comparable = (manifest: RunManifest): RunManifest => ({
    ...manifest,
    inputs: [],
    // Of an unfinished run the version counts as well.
    status: 'unfinished',
    settings: { ...manifest.settings, ...IGNORED },
  })
  const lines = manifestDifferences(comparable(first), comparable(other))
  if (first.derived?.rule !== other.derived?.rule)
    lines.push(`calls of contigs: ${first.derived?.rule ?? 'none'} -> ${other.derived?.rule ?? 'none'}`)
  return lines
}

async function requireWhole({ name, paths, manifest }: ShardRun, signal?: AbortSignal): Promise<void> {
  if (manifest.derived === undefined)
    throw new DataError(`${name} has no contigs and chunks: give its command once more, and it makes them`)
  const expected = manifest.tables?.['prediction_results.txt']
  const found = await digestIfThere(paths.predictions, signal)
  if (found === expected) return
  throw new DataError(
    `${paths.predictions} is ${found === undefined ? 'missing' : 'not as the run wrote it'}: ` +
      'move it away and give the command of the run once more. Nothing was merged',
  )
}
