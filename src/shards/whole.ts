import { dirname, join } from 'node:path'
import type { RunInput } from '../checkpoint/index.ts'
import { type InvalidRecord, type ReadOptions, readSequences, type SequenceRecord } from '../fasta/index.ts'
import { DataError } from '../system/errors.ts'
import { linesOf } from '../system/lines.ts'
import { sourceName } from '../system/same-file.ts'
import { digestIfThere } from './digest.ts'
import { inOrder } from './in-order.ts'
import { type Segment, type Shards, segmentsOf } from './manifest.ts'
import type { ShardRun } from './runs.ts'

/** What the run over the whole would have read. */
export interface Whole {
  inputs: readonly RunInput[]
  /** Files that are read. */
  files: readonly string[]
  settings: { onInvalid?: string; duplicateIds?: string }
  /** Records of the runs in the order of the whole; one stretch of all where they just follow each other. */
  stretches: readonly { run: ShardRun; records: number }[] | undefined
  /** Records and faults, as `readSequences` gives them for the inputs. */
  read(options: ReadOptions): AsyncGenerator<SequenceRecord[]>
}

/** The inputs of the runs, one after the other. */
export function wholeOfInputs(runs: readonly ShardRun[]): Whole {
  const inputs = runs.flatMap(({ manifest }) => manifest.inputs)
  const files = inputs.map(({ path }) => path)
  const stream = inputs.find(({ path }) => path === '-')
  if (stream !== undefined)
    throw new DataError('a run over standard input can be merged only as one over a shard: give --manifest')
  return {
    inputs,
    files,
    settings: {},
    stretches: undefined,
    read: (options) =>
      readSequences(files, {
        ...options,
        onInputRead(index, { sha256 }) {
          const { path, sha256: expected } = inputs[index] as RunInput
          if (sha256 !== expected) throw new DataError(`${path} is not what the run over it has read`)
        },
      }),
  }
}

/** The inputs that the shards were made from. */
export function wholeOfShards(
  { path, shards }: { path: string; shards: Shards },
  runOf: (segment: Segment) => ShardRun,
): Whole {
  const folder = dirname(path)
  const segments = segmentsOf(shards)
  return {
    inputs: shards.inputs,
    files: [path, ...shards.shards.map(({ file }) => join(folder, file))],
    settings: shards.settings,
    stretches: segments.map((segment) => ({ run: runOf(segment), records: segment.records })),
    read: (options) => readShardFiles(folder, shards, segments, options),
  }
}

/** Reports that wait to be written down. */
const REPORTS = 4096

async function* readShardFiles(
  folder: string,
  { inputs, faults, shards }: Shards,
  segments: readonly Segment[],
  options: ReadOptions,
): AsyncGenerator<SequenceRecord[]> {
  const { statistics, onInvalidRecord, afterReports, signal, tempDir } = options
  for (const { file, sha256 } of [faults, ...shards]) {
    const found = await digestIfThere(join(folder, file), signal)
    if (found === sha256) continue
    const what = found === undefined ? 'is missing' : 'was changed since it was made'
    throw new DataError(`${join(folder, file)} ${what}: shard the input again. Nothing was merged`)
  }
  const list = faultsIn(join(folder, faults.file))
  let fault = await list.next()
  let records = 0
  let reported = 0
  const report = async (until: number) => {
    for (; !fault.done && fault.value.before < until; fault = await list.next()) {
      const { before, ...record } = fault.value
      if (statistics !== undefined) statistics.records = before
      onInvalidRecord?.(record)
      if (++reported % REPORTS === 0) await afterReports?.()
    }
  }
  const plain = { allowEmpty: true, ...(signal && { signal }), ...(tempDir && { tempDir }) }
  const stretches = segments.map((segment) => ({ list: segment, items: segment.records }))
  const batches = inOrder(
    byFile(stretches),
    (file) => readSequences([join(folder, file)], plain),
    (file) => new DataError(`${join(folder, file)} has fewer records than the list of shards says`),
  )
  const sources = sourcesOf(segments, inputs)
  for await (const { items } of batches) {
    records += items.length
    await report(records)
    if (statistics !== undefined) statistics.records = records
    yield items.map((record) => ({ ...record, source: sources() }))
  }
  await report(Number.POSITIVE_INFINITY)
}

function byFile(stretches: readonly { list: Segment; items: number }[]): { list: string; items: number }[] {
  return stretches.map(({ list, items }) => ({ list: list.shard.file, items }))
}

/** The name of the input of each next record. */
function sourcesOf(segments: readonly Segment[], inputs: Shards['inputs']): () => string {
  let [at, left] = [0, segments[0]?.records ?? 0]
  return () => {
    while (left === 0) left = segments[++at]?.records ?? Number.POSITIVE_INFINITY
    left--
    return sourceName(inputs[segments[at]?.input ?? 0]?.path ?? '')
  }
}

async function* faultsIn(path: string): AsyncGenerator<InvalidRecord & { before: number }> {
  for await (const lines of linesOf(path)) for (const line of lines) yield JSON.parse(line)
}
