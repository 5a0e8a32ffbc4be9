import { readdir, realpath, writeFile } from 'node:fs/promises'
import { join, relative, resolve, sep } from 'node:path'
import * as v from 'valibot'
import { UsageError } from '../../system/errors.ts'
import { parseJson } from '../../system/json.ts'
import { readText } from '../../system/read-within.ts'
import { createFolder } from '../../system/replace-folder.ts'
import { RepositoryError } from './errors.ts'
import { MARKER } from './recorded-files.ts'

/**
 * Has `fill` write a repository, which appears under its name when it is whole, so that a server never finds half of it;
 * see `createFolder`.
 *
 * @param about the marker but for what `fill` returns
 * @throws RepositoryError when something is in the way that `force` does not cover
 */
export async function createRepository(
  options: { output: string; force: boolean; about: object; inputs: readonly (string | undefined)[] },
  fill: (folder: string) => Promise<object>,
): Promise<void> {
  const output = resolve(options.output)
  const folder = {
    output,
    force: options.force,
    what: 'model repository',
    marker: MARKER,
    ownsFile,
    refusal: (...problem: [string, object]) => new RepositoryError(output, ...problem),
  }
  await createFolder(folder, async (unfinished) => {
    await refuseInside(output, options.inputs)
    const more = await fill(unfinished)
    const about = { ...options.about, ...more, names: await namesIn(unfinished) }
    await writeFile(join(unfinished, MARKER), `${JSON.stringify(about, null, 2)}\n`)
  })
}

/** Whether a file, by its path below a repository, was put there when it was made. Rejects when that cannot be read. */
export async function ownsFile(output: string): Promise<(name: string) => boolean> {
  const about = parseJson(await readText(join(output, MARKER)))
  const files = new Set([MARKER, ...v.parse(v.object({ names: v.array(v.string()) }), about).names])
  return (name) => files.has(name) || isCompiled(name, files)
}

/** Python's compiled form of a file of the repository, which a server leaves beside it. */
function isCompiled(name: string, files: ReadonlySet<string>): boolean {
  const source = /^(.*)__pycache__\/([^./]+)\.[^/]*\.pyc$/.exec(name)
  return source !== null && files.has(`${source[1]}${source[2]}.py`)
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
      `${input} is an input and lies in ${output}, which would be replaced: choose another output folder. Nothing was changed`,
    )
  }
}
