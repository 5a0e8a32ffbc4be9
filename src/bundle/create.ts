import { readdir, rm, stat, statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { syncFolder } from '../system/atomic.ts'
import { beginFolder, refuseInputsIn, replaceFolder, strangersIn } from '../system/replace-folder.ts'
import { WriteError } from '../system/system-error.ts'
import { BundleError } from './errors.ts'
import { filesOf, MANIFEST_FILE } from './manifest.ts'
import { readManifest } from './open.ts'

/** Graphs, tokenizer and manifest, beside the weights. */
const SMALL_FILES_BYTES = 32 << 20

export interface CreateOptions {
  readonly output: string
  /** Replace a bundle that is there. Anything else that is there is never touched. */
  readonly force: boolean
  /** Files and folders that are read meanwhile. */
  readonly inputs: readonly (string | undefined)[]
  /** What the weights will take, or files that are gone at the end, if those take more. */
  readonly mostBytes: number
}

/**
 * Has `fill` write a bundle into a folder beside `output` and renames that folder when all is there, so that
 * `output` is a whole bundle or does not exist. An import that was killed leaves a hidden folder, which
 * the next one to the same place removes.
 *
 * @throws BundleError when something is in the way or the disk has too little room
 */
export async function createBundle(
  options: CreateOptions,
  fill: (folder: string) => Promise<void>,
): Promise<void> {
  const output = resolve(options.output)
  await checkFree(output, options.force)
  await refuseInputsIn(output, options.inputs)
  const unfinished = await beginFolder(output).catch((error) => {
    throw new WriteError(output, error)
  })
  try {
    await checkRoom(dirname(output), output, options.mostBytes)
    await fill(unfinished)
    await replaceFolder(unfinished, output)
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true }).catch(() => {})
    throw isSystemError(error) ? new WriteError(output, error) : error
  }
  await syncFolder(dirname(output))
}

async function checkFree(output: string, force: boolean): Promise<void> {
  const found = await stat(output).catch(() => undefined)
  if (found === undefined) return
  if (!found.isDirectory())
    throw new BundleError(output, `${output} is a file: expected a folder to make. Choose another name.`, {
      kind: 'cannotCreate',
    })
  const names = await readdir(output)
  if (names.length === 0) return
  if (!names.includes(MANIFEST_FILE)) {
    throw new BundleError(
      output,
      `${output} holds files that are no bundle, and they are not overwritten. Choose another folder.`,
      { kind: 'cannotCreate' },
    )
  }
  if (!force) {
    throw new BundleError(output, `${output} holds a bundle already`, {
      kind: 'cannotCreate',
      detail: { code: 'place-taken', data: { path: output } },
    })
  }
  await checkContent(output)
}

/** A manifest lists the files of its bundle: any other in the folder is somebody else's. */
async function checkContent(output: string): Promise<void> {
  const manifest = await readManifest(output).catch((cause) => {
    throw new BundleError(
      output,
      `${output} holds a bundle whose manifest cannot be read, so that its files cannot be told from yours: remove the folder, or choose another.`,
      { cause, kind: 'cannotCreate' },
    )
  })
  const names = new Set([MANIFEST_FILE, ...filesOf(manifest).map(({ path }) => path)])
  const strangers = await strangersIn(output, (name) => names.has(name))
  if (strangers === undefined) return
  throw new BundleError(
    output,
    `${output} also holds files that are not of the bundle, and they are not removed: ${strangers}. Move them away, or choose another folder.`,
    { kind: 'cannotCreate' },
  )
}

async function checkRoom(folder: string, output: string, mostBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  const needed = mostBytes + SMALL_FILES_BYTES
  if (bavail * bsize >= needed) return
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`
  throw new BundleError(
    output,
    `the bundle needs ${gigabytes(needed)} and the disk of ${output} has ${gigabytes(bavail * bsize)} left. ` +
      'Free some space or choose another disk.',
    { kind: 'inputOutput' },
  )
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && 'code' in error
}
