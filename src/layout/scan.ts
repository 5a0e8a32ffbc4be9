import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { isThere } from '../system/same-file.ts'
import { FILES, type FileName, reader } from './catalogue.ts'
import { fixedFiles, type OutputPaths, statePaths, templateOf } from './paths.ts'

/** What a path is of a run. */
export interface FoundFile {
  file: FileName
  /** Of a file of a part. */
  part?: number
  /** The empty `NAME.done` beside the file. */
  isMarker?: boolean
}

/** Recognizes the files of a run, by their paths; those of its state are not among them. */
export function recognizer(paths: OutputPaths): (path: string) => FoundFile | undefined {
  const fixed = new Map(fixedFiles(paths).map(([file, path]) => [resolve(path), file]))
  const numbered = numberedFiles(paths)
  return (path) => {
    const whole = resolve(path)
    const file = fixed.get(whole)
    if (file !== undefined) return { file }
    const folder = dirname(whole)
    const name = basename(whole)
    for (const { file, folder: place, read } of numbered) {
      const found = place === folder ? read(name) : undefined
      if (found !== undefined) return { file, ...found }
    }
    return undefined
  }
}

interface NumberedFile {
  file: FileName
  /** Absolute. */
  folder: string
  read(name: string): { part: number; isMarker: boolean } | undefined
}

function numberedFiles(paths: OutputPaths): NumberedFile[] {
  return (Object.keys(FILES) as FileName[]).flatMap((file) => {
    const path = paths[file]
    if (typeof path === 'string') return []
    const { content, ...entry } = FILES[file]
    const names = [templateOf(file, paths.layout), ...('formerly' in entry ? entry.formerly : [])]
    const readers = names.map(reader)
    const isMarked = content === 'embeddings'
    const read = (name: string) => {
      const isMarker = isMarked && name.endsWith('.done')
      const own = isMarker ? name.slice(0, -'.done'.length) : name
      for (const each of readers) {
        const part = each(own)?.part
        if (part !== undefined) return { part, isMarker }
      }
      return undefined
    }
    return [{ file, folder: resolve(dirname(path(1))), read }]
  })
}

/** Files without a number that a run in this layout may write. */
function fixedOfLayout(paths: OutputPaths): string[] {
  return fixedFiles(paths).flatMap(([file, path]) => {
    const { only } = { only: undefined, ...FILES[file] }
    return (only ?? paths.layout) === paths.layout ? [resolve(path)] : []
  })
}

/** What lies in the state folder, which is the run's alone, but for its record. */
async function filesOfState({ state }: OutputPaths): Promise<string[]> {
  const entries = await readdir(state, { recursive: true, withFileTypes: true }).catch(() => [])
  const record = resolve(statePaths(state).record)
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => resolve(entry.parentPath, entry.name))
    .filter((path) => path !== record)
}

/** Whether something else stands in the place of a folder: a file, a pipe, a link to one or to nothing. */
async function isNoFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found === undefined ? await isThere(path) : !found.isDirectory()
}

/**
 * All that lies under a name which a run of these paths may write, absolute. Links count, and so do parts that an
 * earlier run over a longer input would have had.
 */
export async function takenNames(paths: OutputPaths): Promise<string[]> {
  const fixed = fixedOfLayout(paths)
  const numbered = numberedFiles(paths)
  const folders = new Set([...fixed.map(dirname), ...numbered.map(({ folder }) => resolve(folder))])
  const taken: string[] = []
  for (const path of fixed) if (await isThere(path)) taken.push(path)
  for (const { folder, read } of numbered) {
    for (const name of await readdir(folder).catch(() => []))
      if (read(name) !== undefined) taken.push(join(folder, name))
  }
  for (const folder of folders) if (await isNoFolder(folder)) taken.push(folder)
  return [...taken, ...(await filesOfState(paths))]
}
