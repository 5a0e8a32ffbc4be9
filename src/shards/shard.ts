import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, open, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { version } from '../../package.json' with { type: 'json' }
import {
  FastaFileWriter,
  type InputDigest,
  type InvalidReason,
  type InvalidRecord,
  newReadStatistics,
  readSequences,
  type SequenceRecord,
} from '../fasta/index.ts'
import { outputPaths } from '../layout/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import { AtomicFile, writeAtomically } from '../system/atomic.ts'
import { UsageError } from '../system/errors.ts'
import type { Logger } from '../system/logger.ts'
import { createFolder, refuseInputsIn } from '../system/replace-folder.ts'
import { sourceName } from '../system/same-file.ts'
import { sha256File } from '../system/sha256.ts'
import { count } from '../text/numbers.ts'
import {
  FAULTS_FILE,
  filesOf,
  formatShards,
  readShards,
  SHARDS_FILE,
  type Shard,
  type Shards,
} from './manifest.ts'
import { Extents, MOST_SHARDS, type Piece, planShards, type Size } from './plan.ts'

export interface ShardOptions
  extends Pick<PredictOptions, 'inputs' | 'onInvalid' | 'duplicateIds' | 'allowEmpty' | 'force'> {
  /** Folder to make. */
  outputDir: string
  /** Stem of the names of the shards. @default that of a run over the first input */
  prefix?: string | undefined
  size: Size
  /** Write `.fasta.gz`. */
  gzip: boolean
}

export interface ShardContext {
  logger: Logger
  signal?: AbortSignal
}

/** Warnings that are shown one by one. */
const SHOWN = 20

/**
 * Splits an input into FASTA files of whole records, in order, with the names that an unsplit run gives them, and a list of them,
 * `shards.json`. The folder is whole or does not exist. Memory does not grow with the input, which is read once.
 *
 * @throws FastaError for an input that cannot be read, or holds what the policy does not accept; UsageError for a folder that
 * holds something else
 */
export async function shardInputs(options: ShardOptions, context: ShardContext): Promise<Shards> {
  const { outputDir, inputs, force } = options
  let shards: Shards | undefined
  await refuseInputsIn(outputDir, inputs)
  await createFolder(
    {
      output: outputDir,
      force,
      what: 'set of shards',
      marker: SHARDS_FILE,
      async ownsFile(folder) {
        const names = new Set(filesOf((await readShards(join(folder, SHARDS_FILE))).shards))
        return (path) => names.has(path)
      },
      refusal: (message, refused) => new UsageError(message, refused),
    },
    async (unfinished) => {
      shards = await fill(unfinished, options, context)
    },
  )
  return shards as Shards
}

async function fill(folder: string, options: ShardOptions, context: ShardContext): Promise<Shards> {
  const work = join(folder, 'work')
  await mkdir(work)
  await using spool = new Spool(work, options.inputs)
  const faults = await readAll(folder, spool, options, context)
  const { records, bases } = spool
  const plan = await planShards(spool.extents, spool.groups, bases, options.size)
  if (plan === undefined)
    throw new UsageError(`there would be more than ${MOST_SHARDS} shards: choose larger ones`)
  const names = namesOf(options, plan.length)
  const shards: Shard[] = []
  for (const [at, pieces] of plan.entries()) {
    context.signal?.throwIfAborted()
    const file = names(at + 1)
    await spool.copy(pieces, join(folder, file), options.gzip)
    shards.push({ number: at + 1, file, ...(await describe(join(folder, file))), ...sumOf(pieces) })
  }
  const { onInvalid, duplicateIds } = options
  const inputs = spool.inputs.map((digest, at) => ({ path: options.inputs[at] as string, ...digest }))
  const settings = { onInvalid, duplicateIds }
  const list = { program: version, inputs, settings, records, bases, faults, shards }
  await writeAtomically(join(folder, SHARDS_FILE), formatShards(list))
  await rm(work, { recursive: true })
  return (await readShards(join(folder, SHARDS_FILE))).shards
}

async function describe(path: string): Promise<InputDigest> {
  return { bytes: (await stat(path)).size, sha256: await sha256File(path) }
}

function sumOf(pieces: readonly Piece[]): Pick<Shard, 'records' | 'bases' | 'sources'> {
  const sum = (name: 'records' | 'bases') => pieces.reduce((all, piece) => all + piece[name], 0)
  const sources = pieces.map(({ input, records }) => ({ input, records }))
  return { records: sum('records'), bases: sum('bases'), sources }
}

/** As many digits as the last one needs, so that the names sort by number. */
function namesOf({ inputs, outputDir, prefix, gzip }: ShardOptions, shards: number): (n: number) => string {
  const { stem } = outputPaths({
    layout: 'vanilla',
    input: inputs[0] ?? '-',
    outputDir,
    prefix,
    expectedLength: 0,
  })
  const digits = Math.max(4, String(shards).length)
  return (number) => `${stem}_shard_${String(number).padStart(digits, '0')}.fasta${gzip ? '.gz' : ''}`
}

/** Reads the inputs into the spool. @returns the list of what they hold besides valid records */
async function readAll(
  folder: string,
  spool: Spool,
  options: ShardOptions,
  { logger, signal }: ShardContext,
): Promise<Shards['faults']> {
  const path = join(folder, FAULTS_FILE)
  await using list = await AtomicFile.create(path)
  const statistics = newReadStatistics()
  const waiting: { before: number; input: number; record: InvalidRecord }[] = []
  let faults = 0
  /** Records up to the end of each input that has been read. */
  const ends: number[] = []
  let handedOn = 0
  const handOn = async (records: number) => {
    for (
      let next = waiting[handedOn];
      next !== undefined && next.before <= records;
      next = waiting[++handedOn]
    ) {
      await spool.leftOut(next.input, next.record)
      await list.write(`${JSON.stringify({ before: next.before, ...next.record })}\n`)
    }
  }
  const batches = readSequences(options.inputs, {
    onInvalid: options.onInvalid,
    duplicateIds: options.duplicateIds,
    allowEmpty: options.allowEmpty,
    statistics,
    tempDir: join(folder, 'work'),
    ...(signal && { signal }),
    onMates: (first, second) => {
      logger.info(`${first} and ${second} hold mates: both of a pair get into the same shard`)
      spool.pair(first, second)
    },
    onInvalidRecord(record) {
      if (faults++ < SHOWN)
        logger.warn(record.outcome === 'left_out' ? `left out: ${record.message}` : record.message)
      waiting.push({ before: statistics.records, input: ends.length, record })
    },
    async afterReports() {
      await handOn(spool.records)
      waiting.splice(0, handedOn)
      handedOn = 0
    },
    onInputRead(index, digest) {
      spool.inputs[index] = digest
      ends.push(statistics.records)
    },
  })
  let input = 0
  for await (const batch of batches) {
    for (const record of batch) {
      while (spool.records >= (ends[input] ?? Number.POSITIVE_INFINITY)) input++
      await handOn(spool.records)
      await spool.add(input, record)
    }
    signal?.throwIfAborted()
  }
  await handOn(Number.POSITIVE_INFINITY)
  await list.commit()
  await spool.finish()
  if (faults > 0)
    logger.warn(
      `${count(faults, 'finding')} in the input; the list is in ${join(options.outputDir, FAULTS_FILE)}`,
    )
  return { file: FAULTS_FILE, sha256: await sha256File(path), count: faults }
}

/** Records that were seen to be whole before they were left out: when names are compared, they count. */
const NAMED: readonly InvalidReason[] = ['empty_record', 'protein', 'duplicate_id']

/** The inputs as FASTA, each in a file, and the sizes of their records. */
class Spool implements AsyncDisposable {
  /** Bytes and digests of the inputs as stored. */
  readonly inputs: InputDigest[] = []
  extents: Extents[] = []
  records = 0
  bases = 0
  readonly #folder: string
  readonly #names: readonly string[]
  #groups: number[][]
  #writer: FastaFileWriter | undefined
  #previous = ''

  constructor(folder: string, inputs: readonly string[]) {
    this.#folder = folder
    this.#names = inputs.map(sourceName)
    this.#groups = inputs.map((_, input) => [input])
  }

  /** Inputs by number, mates together, in the order of the first of each. */
  get groups(): readonly (readonly number[])[] {
    return this.#groups
  }

  pair(first: string, second: string): void {
    const [a, b] = [this.#names.indexOf(first), this.#names.lastIndexOf(second)]
    if (a < 0 || b < 0 || a === b) return
    this.#groups = this.#groups.flatMap((group) =>
      group[0] === a ? [[a, b]] : group[0] === b ? [] : [group],
    )
  }

  async add(input: number, { id, description, sequence }: SequenceRecord): Promise<void> {
    const writer = await this.#writerOf(input)
    const before = writer.bytes
    // At the start of a line a letter `>` would begin a record, which it did not in the input.
    const letters = sequence[0] === GREATER ? Buffer.concat([BLANK, sequence]) : sequence
    writer.append(description === '' ? id : `${id} ${description}`, letters)
    const isJoined = id.endsWith('/2') && this.#previous === `${id.slice(0, -1)}1`
    this.#previous = id
    this.records++
    this.bases += sequence.length
    await this.extents[input]?.add({ bases: sequence.length, bytes: writer.bytes - before, isJoined })
  }

  /** Keeps the place of a record, so that the mates after it are still found at the same number. */
  async leftOut(input: number, { reason, outcome }: InvalidRecord): Promise<void> {
    if (outcome !== 'left_out' || !NAMED.includes(reason)) return
    await this.#writerOf(input)
    await this.extents[input]?.add({ bases: 0, bytes: 0, isJoined: false })
  }

  /** Inputs are read one after the other. */
  async #writerOf(input: number): Promise<FastaFileWriter> {
    while (this.#writer === undefined || this.extents.length <= input) {
      await this.#endInput()
      this.extents.push(await Extents.create(join(this.#folder, `${this.extents.length}.extents`)))
      this.#writer = new FastaFileWriter(this.#textOf(this.extents.length - 1))
      this.#previous = ''
    }
    return this.#writer
  }

  async #endInput(): Promise<void> {
    this.#writer?.close()
    this.#writer = undefined
    await this.extents.at(-1)?.finish()
  }

  async finish(): Promise<void> {
    await this.#writerOf(this.#names.length - 1)
    await this.#endInput()
  }

  #textOf(input: number): string {
    return join(this.#folder, `${input}.fasta`)
  }

  async copy(pieces: readonly Piece[], path: string, gzip: boolean): Promise<void> {
    const bytes = async function* (this: Spool) {
      for (const { input, start, bytes } of pieces)
        yield* createReadStream(this.#textOf(input), { start, end: start + bytes - 1 })
    }.bind(this)
    const target = createWriteStream(path, { flags: 'wx' })
    if (gzip) await pipeline(bytes, createGzip(), target)
    else await pipeline(bytes, target)
    await using written = await open(path)
    await written.sync()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#writer?.[Symbol.dispose]()
    for (const extents of this.extents) await extents[Symbol.asyncDispose]()
  }
}

const GREATER = 62
const BLANK = Buffer.from(' ')
