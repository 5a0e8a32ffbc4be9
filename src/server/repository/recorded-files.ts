import { copyFile, link, realpath } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import * as v from 'valibot'
import { JsonError, parseJson } from '../../system/json.ts'
import { readText } from '../../system/read-within.ts'
import { NotRegularError, openRegular } from '../../system/regular-file.ts'
import { sha256Open } from '../../system/sha256.ts'
import { fromSystem } from '../../system/system-error.ts'
import { RepositoryError } from './errors.ts'

/** Tells a repository of this program from any other folder; the server looks at folders only. */
export const MARKER = 'virnucpro-repository.json'

const RecordedFileSchema = v.object({ path: v.string(), bytes: v.number(), sha256: v.string() })
export type RecordedFile = v.InferOutput<typeof RecordedFileSchema>
/** What the server computes with: graphs, weights, plans, tokenizer. Absent in repositories of version 0.1.0. */
const RecordSchema = v.looseObject({
  backend: v.optional(v.string()),
  files: v.optional(v.array(RecordedFileSchema)),
})

/** How files of a bundle get into a repository. */
export type Placement = 'link' | 'copy'

/**
 * Puts a file into place: as a hard link, which takes no room, or as a copy where the file system is another one or
 * has no links.
 */
export async function place(from: string, to: string, how: Placement): Promise<void> {
  const copy = () => copyFile(from, to)
  await (how === 'link' ? link(from, to).catch(copy) : copy())
}

/**
 * Puts a file into a repository under construction, and reads it where it lies then.
 *
 * @param expected - what it is known to be; undefined where nobody has written that down
 * @returns what the repository records of it
 * @throws RepositoryError when it is something else
 */
export async function addFile(
  { folder, placement }: { folder: string; placement: Placement },
  from: string,
  to: string,
  expected: { sha256?: string | undefined } | undefined,
): Promise<RecordedFile> {
  // A link to a link would be a link.
  await place(await realpath(from), to, placement)
  const content = await contentOf(to)
  if (expected?.sha256 !== undefined && expected.sha256 !== content.sha256) {
    throw new RepositoryError(
      from,
      `${from} is damaged: it is not what was written (its SHA-256 differs). Make or copy it again.`,
    )
  }
  return { path: relative(folder, to).split(sep).join('/'), ...content }
}

async function contentOf(path: string, signal?: AbortSignal): Promise<Omit<RecordedFile, 'path'>> {
  await using file = await openRegular(path)
  const { size } = await file.stat()
  return { bytes: size, sha256: await sha256Open(file, signal) }
}

const REBUILD = { code: 'repository-unusable', data: {} } as const

/**
 * Compares what a server is to compute with, with what `repository build` has put there. Anybody else's repository, and
 * configurations and code, which may be changed, are the user's business.
 *
 * @throws RepositoryError naming the file
 */
export async function verifyRepository(folder: string, signal?: AbortSignal): Promise<void> {
  for (const { path, bytes, sha256 } of (await readRecord(folder))?.files ?? []) {
    const problem = await contentOf(join(folder, path), signal).then(
      (found) => {
        if (found.bytes !== bytes) return `has ${found.bytes} bytes instead of ${bytes}`
        return found.sha256 === sha256 ? undefined : 'is not what was put there (its SHA-256 differs)'
      },
      (error: unknown) => {
        if (error instanceof NotRegularError) return `is ${error.kind}`
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'is missing'
        throw fromSystem(error) ?? error
      },
    )
    if (problem !== undefined)
      throw new RepositoryError(folder, `the repository ${folder} is damaged: ${path} ${problem}`, {
        detail: REBUILD,
      })
  }
}

/** What `repository build` has put into a repository. */
export interface RepositoryRecord {
  /** Absent in repositories of version 0.1.0, as are the files. */
  readonly backend: string | undefined
  readonly files: readonly RecordedFile[]
}

/** @returns undefined for a folder of anybody else. @throws RepositoryError when the record is damaged */
export async function readRecord(folder: string): Promise<RepositoryRecord | undefined> {
  const path = join(folder, MARKER)
  const text = await readText(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw fromSystem(error) ?? error
  })
  if (text === undefined) return undefined
  try {
    const { backend, files = [] } = v.parse(RecordSchema, parseJson(text))
    return { backend, files }
  } catch (cause) {
    if (!(cause instanceof JsonError) && !v.isValiError(cause)) throw cause
    throw new RepositoryError(folder, `${path} is damaged: ${cause.message}`, { cause, detail: REBUILD })
  }
}
