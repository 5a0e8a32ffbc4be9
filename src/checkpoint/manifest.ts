import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import * as v from 'valibot'

/** Version of the folder's own format; a folder of another version is not continued. */
export const RUN_FORMAT = 1

const InputSchema = v.object({
  /** As typed; only for people, a moved file is the same input. */
  path: v.string(),
  /** Bytes of the file; null for standard input, which cannot be read twice. */
  bytes: v.nullable(v.number()),
  sha256: v.nullable(v.string()),
})

const ManifestSchema = v.object({
  format: v.literal(RUN_FORMAT),
  /** Version of the toolkit that began the run. */
  version: v.string(),
  status: v.picklist(['unfinished', 'finished']),
  inputs: v.array(InputSchema),
  /** Everything that changes the results. */
  settings: v.record(v.string(), v.union([v.string(), v.number(), v.boolean()])),
  /** Digest of the models. */
  models: v.string(),
  /** Counts of a finished run. */
  result: v.optional(v.record(v.string(), v.number())),
})

/** What a run works on, and with what; decides whether an interrupted run may be continued. */
export type RunManifest = v.InferOutput<typeof ManifestSchema>
export type RunInput = v.InferOutput<typeof InputSchema>

export function parseManifest(value: unknown): RunManifest | undefined {
  const parsed = v.safeParse(ManifestSchema, value)
  return parsed.success ? parsed.output : undefined
}

/** Size and digest of an input; a few seconds for 10 GB, next to hours of embedding. */
export async function describeInput(path: string, signal?: AbortSignal): Promise<RunInput> {
  if (path === '-') return { path, bytes: null, sha256: null }
  const { size } = await stat(path)
  const hasher = new Bun.CryptoHasher('sha256')
  for await (const block of createReadStream(path, { highWaterMark: 1 << 20 })) {
    hasher.update(block)
    signal?.throwIfAborted()
  }
  return { path, bytes: size, sha256: hasher.digest('hex') }
}

/** Lines that say in what two runs differ; empty when one continues the other. */
export function manifestDifferences(before: RunManifest, now: RunManifest): string[] {
  const lines: string[] = []
  const inputs = (m: RunManifest) => m.inputs.map(({ sha256 }) => sha256 ?? 'standard input').join(' ')
  if (inputs(before) !== inputs(now)) {
    lines.push(`input: ${before.inputs.map(describe).join(', ')} -> ${now.inputs.map(describe).join(', ')}`)
  } else if (now.inputs.some(({ sha256 }) => sha256 === null)) {
    lines.push('input: standard input cannot be read a second time')
  }
  for (const key of new Set([...Object.keys(before.settings), ...Object.keys(now.settings)])) {
    const [old, current] = [before.settings[key], now.settings[key]]
    if (old !== current) lines.push(`${key}: ${old ?? 'not set'} -> ${current ?? 'not set'}`)
  }
  if (before.models !== now.models)
    lines.push(`models: ${before.models.slice(0, 12)} -> ${now.models.slice(0, 12)}`)
  return lines
}

function describe({ path, bytes, sha256 }: RunInput): string {
  return sha256 === null ? 'standard input' : `${path} (${bytes} bytes, sha256 ${sha256.slice(0, 12)})`
}
