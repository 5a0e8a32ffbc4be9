import { readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'
import * as v from 'valibot'
import { syncFolder } from '../../system/atomic.ts'
import { UsageError } from '../../system/errors.ts'
import { parseJson } from '../../system/json.ts'
import { beginFolder, replaceFolder, strangersIn } from '../../system/replace-folder.ts'
import { WriteError } from '../../system/system-error.ts'
import { PlaceTakenError } from './errors.ts'
import { MARKER } from './recorded-files.ts'

/**
 * Has `fill` write into a folder beside `output` and renames that folder when all is there, so that a server never finds
 * half a repository.
 *
 * @param about the marker but for what `fill` returns
 * @throws {PlaceTakenError} when something is in the way that `force` does not cover
 */
export async function createRepository(
  options: { output: string; force: boolean; about: object; inputs: readonly (string | undefined)[] },
  fill: (folder: string) => Promise<object>,
): Promise<void> {
  const output = resolve(options.output)
  await checkFree(output, options.force)
  await refuseInside(output, options.inputs)
  const unfinished = await beginFolder(output).catch((error) => {
    throw new WriteError(output, error)
  })
  try {
    const more = await fill(unfinished)
    const about = { ...options.about, ...more, names: await namesIn(unfinished) }
    await writeFile(join(unfinished, MARKER), `${JSON.stringify(about, null, 2)}\n`)
    await replaceFolder(unfinished, output)
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true }).catch(() => {})
    throw error instanceof Error && 'syscall' in error ? new WriteError(output, error) : error
  }
  await syncFolder(dirname(output))
}

async function checkFree(output: string, force: boolean): Promise<void> {
  const found = await stat(output).catch(() => undefined)
  if (found === undefined) return
  if (!found.isDirectory())
    throw new PlaceTakenError(output, `${output} is a file: expected a folder to make. Choose another name.`)
  const names = await readdir(output)
  if (names.length === 0) return
  if (!names.includes(MARKER)) {
    throw new PlaceTakenError(
      output,
      `${output} holds files that virnucpro did not make, and they are not overwritten. Choose another folder.`,
    )
  }
  if (!force) {
    throw new PlaceTakenError(output, `${output} holds a model repository already`, {
      detail: { code: 'place-taken', data: { path: output } },
    })
  }
  const files = await filesOfMarker(output)
  if (files === undefined) {
    throw new PlaceTakenError(
      output,
      `${output} holds a model repository that does not list its files, so that these cannot be told from yours: remove the folder, or choose another.`,
    )
  }
  const strangers = await strangersIn(output, (name) => files.has(name) || isCompiled(name, files))
  if (strangers === undefined) return
  throw new PlaceTakenError(
    output,
    `${output} also holds files that are not of the repository, and they are not removed: ${strangers}. Move them away, or choose another folder.`,
  )
}

/** Python's compiled form of a file of the repository, which a server leaves beside it. */
function isCompiled(name: string, files: ReadonlySet<string>): boolean {
  const source = /^(.*)__pycache__\/([^./]+)\.[^/]*\.pyc$/.exec(name)
  return source !== null && files.has(`${source[1]}${source[2]}.py`)
}

async function filesOfMarker(output: string): Promise<ReadonlySet<string> | undefined> {
  try {
    const about = parseJson(await readFile(join(output, MARKER), 'utf8'))
    return new Set([MARKER, ...v.parse(v.object({ names: v.array(v.string()) }), about).names])
  } catch {
    return undefined
  }
}

async function namesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((name) => name.includes(sep))
    .sort()
}

/**
 * Its files may be hard links to those of the bundle, which outlive it: what counts is where a folder lies.
 * @throws UsageError when one that is read lies in the one that would be replaced
 */
async function refuseInside(output: string, inputs: readonly (string | undefined)[]): Promise<void> {
  const whole = await realpath(output).catch(() => undefined)
  if (whole === undefined) return
  for (const input of inputs) {
    const path = input === undefined ? undefined : await realpath(input).catch(() => undefined)
    if (path !== whole && !path?.startsWith(whole + sep)) continue
    throw new UsageError(
      `${input} is an input and lies in ${output}, which would be replaced: choose another --output. Nothing was changed`,
    )
  }
}
