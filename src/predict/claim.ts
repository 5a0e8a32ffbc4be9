import { join, relative, resolve } from 'node:path'
import { FileRecord, readManifest, recordsIn } from '../checkpoint/index.ts'
import { FILES, type FileName, type OutputPaths, recognizer, takenNames } from '../layout/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import { UsageError } from '../system/errors.ts'
import { sameFile } from '../system/same-file.ts'
import { isFileOfFirstVersion, isFileOfRun, isListOfFailures } from './known-content.ts'

/** Names that a message lists. */
const SHOWN = 5

/** A file that the run reads, and what for. */
export type InUse = readonly [what: string, path: string]

/** Every file that a run reads, but for what a server of its own reads. */
export function filesInUse(
  options: Pick<PredictOptions, 'inputs' | 'bundle' | 'logFile' | 'tritonAccess'> &
    Partial<Pick<PredictOptions, 'mlp'>>,
): InUse[] {
  const { inputs, bundle, mlp, logFile, tritonAccess } = options
  const { ca, cert, key } = tritonAccess
  const given = (what: string, path: string | undefined): InUse[] =>
    path === undefined ? [] : [[what, path]]
  return [
    ...inputs.map((path): InUse => ['an input', path]),
    ...given('the classifier', mlp),
    ...given('the bundle', bundle === 'demo' ? undefined : bundle),
    ...given('the log file', logFile),
    ...[ca, cert, key].flatMap((path) => given('a file for TLS', path)),
  ]
}

/**
 * Refuses a run that would write or remove a file which it reads, under whatever name: links and other spellings are the
 * same file. Changes nothing.
 *
 * @throws UsageError with both names
 */
export async function refuseFilesInUse(paths: OutputPaths, inUse: readonly InUse[]): Promise<void> {
  const recorded = await FileRecord.read({ root: paths.root, state: paths.state }).catch(() => undefined)
  const outputs = [...(recorded?.files() ?? []), ...(await takenNames(paths))]
  for (const [what, path] of inUse) {
    const found = await sameFile([path], outputs)
    if (found === undefined) continue
    const shown = join(paths.root, relative(resolve(paths.root), found.written))
    throw new UsageError(
      `${found.read} is ${what} and also ${shown}, which this run would write or remove: ` +
        'rename it, or choose another output folder. Nothing was changed',
      { detail: { code: 'foreign-file', data: { path: shown } } },
    )
  }
}

export interface ClaimOptions {
  paths: OutputPaths
  record: FileRecord
  options: Pick<PredictOptions, 'resume' | 'force' | 'keepIntermediate'>
  /** The folder holds what may be embeddings of a run of another program. */
  legacy: boolean
}

/**
 * Makes sure that whatever lies under the names of a run is of a run: recorded by one, or known by its content where
 * there can be no record. Changes nothing.
 *
 * @returns files without a record that are of a run, for the record of the one that begins or goes on
 * @throws UsageError with the names of all else
 */
export async function checkNames(claim: ClaimOptions): Promise<string[]> {
  const { paths, record } = claim
  const strangers = (await takenNames(paths)).filter((path) => !record.owns(path))
  if (strangers.length === 0) return []
  const judge = await judgeOf(claim, strangers)
  const taken: string[] = []
  const foreign: string[] = []
  for (const path of strangers) {
    const verdict = await judge(path)
    if (verdict === 'take') taken.push(path)
    else if (verdict === 'refuse') foreign.push(path)
  }
  if (foreign.length > 0) throw await refusal(claim, foreign)
  return taken
}

/** `take`: of a run, and the run's own from now on; `leave`: of another program's run, and not written to. */
type Judge = (path: string) => Promise<'take' | 'leave' | 'refuse'>

async function judgeOf(claim: ClaimOptions, strangers: readonly string[]): Promise<Judge> {
  const { paths, record, options } = claim
  const recognize = recognizer(paths)
  const others = [...(await recordsIn(paths.root, paths.stem)).values()]
  const manifest = record.isEmpty ? await readManifest(paths.state) : undefined
  const first = typeof manifest === 'object' ? manifest : undefined
  const isOldRun =
    first?.adopted === true || (first === undefined && (await holdsEmbeddings(claim, strangers)))
  // Once a run has taken over the embeddings, it goes on with them.
  const asked = (options.resume || first?.adopted === true) && !options.force
  const ofShared = async (path: string, file: FileName) => {
    if (others.some((other) => other.owns(path))) return true
    return file === 'failed' && (await isListOfFailures(path))
  }
  const ofFirst = async (path: string) =>
    first !== undefined && (await isFileOfFirstVersion(paths, first, path))
  return async (path) => {
    // Undefined in the state.
    const file = recognize(path)?.file
    if (file !== undefined && FILES[file].role === 'shared' && (await ofShared(path, file))) return 'take'
    if (await ofFirst(path)) return 'take'
    if (!isOldRun || file === 'failed') return 'refuse'
    if (file !== undefined && isLeft(file, options)) return 'leave'
    return asked && (await isFileOfRun(paths, path)) ? 'take' : 'refuse'
  }
}

/** Whether a run with these options does not write what another program has left. */
function isLeft(file: FileName, { keepIntermediate, force }: ClaimOptions['options']): boolean {
  return FILES[file].role === 'intermediate' ? !keepIntermediate : file === 'broadState' && !force
}

/** Whether one of the files is whole and holds embeddings: a name alone says nothing. */
async function holdsEmbeddings({ paths }: ClaimOptions, strangers: readonly string[]): Promise<boolean> {
  for (const path of strangers) {
    if (!path.endsWith('.pt')) continue
    if (await isFileOfRun(paths, path)) return true
  }
  return false
}

async function refusal(
  { paths, options, legacy }: ClaimOptions,
  foreign: readonly string[],
): Promise<UsageError> {
  const others = await recordsIn(paths.root, paths.stem)
  const lines = foreign.slice(0, SHOWN).map((path) => {
    const owner = [...others].find(([, record]) => record.owns(path))?.[0]
    const shown = join(paths.root, relative(resolve(paths.root), path))
    return `  ${shown}${owner === undefined ? '' : ` (of the run ${owner})`}`
  })
  const oldRun = legacy && !options.resume && !options.force
  const more = foreign.length - SHOWN
  if (more > 0) lines.push(`  and ${more} more`)
  const message = [
    `these files have names that this run would use, and no run of ${paths.stem} has recorded them as its own, ` +
      `so they are neither overwritten nor removed${options.force ? ', not even by force' : ''}:`,
    ...lines,
    'move them away, or choose another output folder. Nothing was changed',
  ]
  return new UsageError(message, {
    detail: { code: 'foreign-file', data: { path: foreign[0] as string, oldRun } },
  })
}
