import * as v from 'valibot'
import { statePaths } from '../layout/index.ts'
import { described } from '../system/described.ts'
import { MOST_BYTES, readText, TooLargeError } from '../system/read-within.ts'
import { READ } from '../system/regular-file.ts'
import { sealed, unsealed } from '../system/sealed.ts'
import { ReadError } from '../system/system-error.ts'

/** Version of the folder's own format; a folder of another version is not continued. */
export const RUN_FORMAT = 1

const InputSchema = v.object({
  path: described('as typed; only for people, since a moved file is the same input', v.string()),
  bytes: described(
    'bytes that were read; `null` while a stream has not been read to its end',
    v.nullable(v.number()),
  ),
  sha256: described('SHA-256 of these bytes; `null` likewise', v.nullable(v.string())),
})

export const RunManifestSchema = v.object({
  format: described('version of this file', v.literal(RUN_FORMAT)),
  version: described('version of virnucpro that began the run', v.string()),
  status: described('whether the results are there', v.picklist(['unfinished', 'finished'])),
  inputs: described('the inputs, in their order', v.array(InputSchema)),
  settings: described(
    'every setting that changes the results',
    v.record(v.string(), v.union([v.string(), v.number(), v.boolean()])),
  ),
  models: described('digest of the models', v.string()),
  reuse: described(
    'most bytes of embeddings that the run keeps for sequences that come again; absent for a run of a version that kept none',
    v.optional(v.number()),
  ),
  adopted: described(
    'whether embeddings were taken over from an old run in the same folder, whose files are not ours to remove',
    v.optional(v.boolean()),
  ),
  merged: described('of shards brought together: digest of what their runs were', v.optional(v.string())),
  result: described('counts of a finished run', v.optional(v.record(v.string(), v.number()))),
  tables: described(
    'SHA-256 of the tables of a finished run, by name',
    v.optional(v.record(v.string(), v.string())),
  ),
  derived: described(
    'what was made from them',
    v.optional(
      v.object({
        rule: described('by which rule', v.string()),
        files: described('SHA-256 of each file, by its name', v.record(v.string(), v.string())),
      }),
    ),
  ),
})

/** What a run works on, and with what; decides whether an interrupted run may be continued. */
export type RunManifest = v.InferOutput<typeof RunManifestSchema>
export type RunInput = v.InferOutput<typeof InputSchema>

/** Top-level keys of version 0.1.0, whose manifests have no checksum. */
const KEYS_WITHOUT_CHECKSUM: ReadonlySet<string> = new Set(
  'format version status inputs settings models adopted result tables'.split(' '),
)

/** The text of a manifest. */
export function formatManifest(manifest: object): string {
  return `${sealed(manifest, 2)}\n`
}

/** What a manifest holds, once its checksum is right; undefined for damage. */
export function openManifest(text: string): Record<string, unknown> | undefined {
  const content = unsealed(text)
  if (content === undefined) return undefined
  const { value, isSealed } = content
  // Without a checksum it is of version 0.1.0, or has lost it to a flipped bit: then it has a key that was none there.
  const isWhole = isSealed || Object.keys(value).every((key) => KEYS_WITHOUT_CHECKSUM.has(key))
  return isWhole ? value : undefined
}

/** @returns undefined for damage, `newer` for a folder that a later version made */
function parseManifest(text: string): RunManifest | 'newer' | undefined {
  const value = openManifest(text)
  if (value === undefined) return undefined
  const parsed = v.safeParse(RunManifestSchema, value)
  if (parsed.success) return parsed.output
  const head = v.safeParse(v.object({ format: v.number() }), value)
  return head.success && head.output.format > RUN_FORMAT ? 'newer' : undefined
}

/** The manifest in the state of a run. */
export async function readManifest(path: string): Promise<RunManifest | 'newer' | 'damaged' | 'none'> {
  const file = statePaths(path).manifest
  const text = await readText(file, MOST_BYTES.state, READ).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    // Neither a link nor so large a file was written by a run.
    if (error.code === 'ELOOP' || error instanceof TooLargeError) return ''
    throw new ReadError(file, error)
  })
  return text === undefined ? 'none' : (parseManifest(text) ?? 'damaged')
}

/** Lines that say in what two runs differ; empty when one continues the other. */
export function manifestDifferences(before: RunManifest, now: RunManifest): string[] {
  const lines: string[] = []
  if (!mayBeSameInputs(before.inputs, now.inputs)) {
    lines.push(`input: ${before.inputs.map(describe).join(', ')} -> ${now.inputs.map(describe).join(', ')}`)
  }
  const [settings, settingsNow] = [settingsOf(before), settingsOf(now)]
  for (const key of new Set([...Object.keys(settings), ...Object.keys(settingsNow)])) {
    const [old, current] = [settings[key], settingsNow[key]]
    if (old !== current) lines.push(`${key}: ${old ?? 'not set'} -> ${current ?? 'not set'}`)
  }
  if (before.models !== now.models)
    lines.push(`models: ${shortened(before.models)} -> ${shortened(now.models)}`)
  // Results that are there stay good; half of a run must not come from another program than the other half.
  if (before.status === 'unfinished' && before.version !== now.version)
    lines.push(`version of virnucpro: ${before.version} -> ${now.version}`)
  return lines
}

/** False when two inputs are known to differ. What is not known yet, of a stream, shows when it has been read. */
export function mayBeSameInputs(before: readonly RunInput[], now: readonly RunInput[]): boolean {
  if (before.length !== now.length) return false
  return before.every(({ sha256 }, i) => {
    const other = now[i]?.sha256
    return sha256 === null || other === null || sha256 === other
  })
}

/** Version 0.1.0 had no setting for duplicate ids: they went the way of what is invalid. */
function settingsOf({ settings }: RunManifest): RunManifest['settings'] {
  return { duplicateIds: settings.onInvalid === 'skip' ? 'skip' : 'fail', ...settings }
}

/** Each digest of a list like `BUNDLE classifier FILE`, short enough to compare by eye. */
function shortened(models: string): string {
  return models.replaceAll(/[0-9a-f]{64}/g, (digest) => digest.slice(0, 12))
}

function describe({ path, bytes, sha256 }: RunInput): string {
  return sha256 === null
    ? `${path} (not read yet)`
    : `${path} (${bytes} bytes, sha256 ${sha256.slice(0, 12)})`
}
