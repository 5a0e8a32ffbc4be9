import { join } from 'node:path'
import * as v from 'valibot'
import { DataError, NoInputError } from '../system/errors.ts'
import { MOST_BYTES, readText } from '../system/read-within.ts'
import { sealed, unsealed } from '../system/sealed.ts'
import { ReadError } from '../system/system-error.ts'

/** In every folder of shards; lists the other files. */
export const SHARDS_FILE = 'shards.json'
/** What the input held besides its records, a line for each. */
export const FAULTS_FILE = 'invalid_records.jsonl'

const FORMAT = 'virnucpro-shards'
const VERSION = 1

const amount = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
/** Paths stay inside the folder: a manifest must not name any other file of the machine. */
const name = v.pipe(v.string(), v.regex(/^[^/\\\0]+$/), v.notValue('..'))
const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))

const ShardSchema = v.object({
  /** From 1. */
  number: amount,
  file: name,
  bytes: amount,
  sha256: digest,
  records: amount,
  bases: amount,
  /** Which inputs its records are of, in its order: by number, from 0. */
  sources: v.array(v.object({ input: amount, records: amount })),
})

export const ShardsSchema = v.object({
  format: v.literal(FORMAT),
  version: v.literal(VERSION),
  program: v.string(),
  /** As typed, in their order. */
  inputs: v.array(v.object({ path: v.string(), bytes: amount, sha256: digest })),
  /** How they were read. */
  settings: v.object({ onInvalid: v.string(), duplicateIds: v.string() }),
  records: amount,
  bases: amount,
  faults: v.object({ file: name, sha256: digest, count: amount }),
  shards: v.array(ShardSchema),
})

/** `shards.json`: which shards there are, and of what. */
export type Shards = v.InferOutput<typeof ShardsSchema>
export type Shard = Shards['shards'][number]

export function formatShards(shards: Omit<Shards, 'format' | 'version'>): string {
  return `${sealed({ format: FORMAT, version: VERSION, ...shards }, 2)}\n`
}

/**
 * Reads a list of shards.
 *
 * @param path - the file, or the folder that it is in
 * @throws NoInputError where there is none; DataError when it is damaged or of a newer version
 */
export async function readShards(path: string): Promise<{ path: string; shards: Shards }> {
  const text = await readText(path, MOST_BYTES.state).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EISDIR') return undefined
    throw error.code === 'ENOENT' ? new NoInputError(`${path}: no such file`) : new ReadError(path, error)
  })
  if (text === undefined) return await readShards(join(path, SHARDS_FILE))
  const content = unsealed(text)
  if (content === undefined) throw new DataError(`${path} is damaged, or was changed: shard the input again`)
  const head = v.safeParse(v.object({ format: v.literal(FORMAT), version: v.number() }), content.value)
  if (!head.success) throw new DataError(`${path} is no list of shards`)
  if (head.output.version > VERSION)
    throw new DataError(`${path} was made by a newer version of virnucpro: use that one`)
  const parsed = v.safeParse(ShardsSchema, content.value)
  if (content.isSealed && parsed.success) return { path, shards: parsed.output }
  throw new DataError(`${path} is damaged, or was changed: shard the input again`)
}

/** Names of all files in a folder of shards. */
export function filesOf({ shards, faults }: Shards): string[] {
  return [SHARDS_FILE, faults.file, ...shards.map(({ file }) => file)]
}

/** A run of records that follow each other in a shard and in one input. */
export interface Segment {
  shard: Shard
  /** Number of the input, from 0. */
  input: number
  records: number
}

/** All records in the order of the inputs: those of mates lie in one shard, and not behind each other in the input. */
export function segmentsOf({ shards }: Shards): Segment[] {
  return shards
    .flatMap((shard) => shard.sources.map(({ input, records }) => ({ shard, input, records })))
    .sort((a, b) => a.input - b.input || a.shard.number - b.shard.number)
}
