import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { writablePlace } from '../../home/index.ts'
import { writeAtomically } from '../../system/atomic.ts'
import { parseJson } from '../../system/json.ts'
import { readText } from '../../system/read-within.ts'
import { fileIdentity } from '../../system/regular-file.ts'

const KnownSchema = v.record(
  v.string(),
  v.object({ version: v.string(), files: v.record(v.string(), v.string()) }),
)
type Known = v.InferOutput<typeof KnownSchema>

/** A version and the files that it comes from. */
export interface Asked {
  readonly version: string
  readonly files: readonly string[]
}

/**
 * The version of a program, which takes a second to say it: `ask` is called once, and again when one of the files has been
 * changed. Kept in the cache of the home, where that can be written.
 */
export async function knownVersion(key: string, ask: () => Promise<Asked>): Promise<string> {
  const path = join(await writablePlace('cache'), 'versions.json')
  const known = await readKnown(path)
  const kept = known[key]
  if (kept !== undefined && Bun.deepEquals(await identities(Object.keys(kept.files)), kept.files))
    return kept.version
  const { version, files } = await ask()
  const entry = { version, files: await identities(files) }
  await writeAtomically(path, `${JSON.stringify({ ...known, [key]: entry }, null, 2)}\n`).catch(() => {})
  return version
}

async function readKnown(path: string): Promise<Known> {
  try {
    return v.parse(KnownSchema, parseJson(await readText(path)))
  } catch {
    return {}
  }
}

async function identities(paths: readonly string[]): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const path of paths) {
    const file = await stat(path, { bigint: true }).catch(() => undefined)
    found[path] = file === undefined ? 'gone' : fileIdentity(file)
  }
  return found
}
