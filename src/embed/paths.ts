import { basename, dirname, join, resolve, sep } from 'node:path'
import type { FileRecord } from '../checkpoint/index.ts'
import { STATES_FOLDER } from '../layout/index.ts'
import type { InUse } from '../predict/index.ts'
import { UsageError } from '../system/errors.ts'
import { isThere, sameFile } from '../system/same-file.ts'

/** Where everything of a run that embeds lies. */
export interface EmbedPaths {
  readonly root: string
  /** The file of embeddings, as it was named. */
  readonly output: string
  /** Records left out, cut, or unusual. */
  readonly records: string
  /** Sequences that could not be embedded. */
  readonly failed: string
  readonly state: string
}

export function embedPaths(output: string): EmbedPaths {
  const root = dirname(output)
  return {
    root,
    output,
    records: `${output}.records.tsv`,
    failed: `${output}.failed.tsv`,
    state: join(root, STATES_FOLDER, basename(output)),
  }
}

const results = ({ output, records, failed }: EmbedPaths) => [output, records, failed]

/** Whether a path, absolute, is one that the run makes. */
export function isMadeBy(paths: EmbedPaths): (path: string) => boolean {
  const names = new Set(results(paths).map((path) => resolve(path)))
  const state = resolve(paths.state) + sep
  return (path) => names.has(path) || path.startsWith(state)
}

/** @throws UsageError when a file that is read would be written to, under whatever name */
export async function refuseInUse(paths: EmbedPaths, inUse: readonly InUse[]): Promise<void> {
  for (const [what, path] of inUse) {
    const found = await sameFile([path], results(paths))
    if (found === undefined) continue
    throw new UsageError(
      `${found.read} is ${what} and also ${found.written}, which this run would write. Nothing was changed`,
      { detail: { code: 'output-taken', data: { path: found.written } } },
    )
  }
}

/** @throws UsageError when something lies under a name of the run that no run has recorded as its own */
export async function requireOwn(paths: EmbedPaths, record: FileRecord): Promise<void> {
  for (const path of results(paths)) {
    if (record.owns(path) || !(await isThere(path))) continue
    throw new UsageError(
      `${path} exists, and no run has recorded it as its own: it is neither overwritten nor removed`,
      { detail: { code: 'output-taken', data: { path } } },
    )
  }
}
