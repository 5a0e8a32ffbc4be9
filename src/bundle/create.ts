import { statfs } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { createFolder, type FolderToMake, refuseInputsIn } from '../system/replace-folder.ts'
import { sha256 } from '../system/sha256.ts'
import { bytes } from '../text/numbers.ts'
import { RECHECK_FILE } from './bounds-file.ts'
import { BundleError } from './errors.ts'
import { type BundleFile, filesOf, hasPartner, MANIFEST_FILE } from './manifest.ts'
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
 * Has `fill` write a bundle, which appears under its name when it is whole; see `createFolder`.
 *
 * @throws BundleError when something is in the way or the disk has too little room
 */
export async function createBundle(
  { output: name, force, inputs, mostBytes }: CreateOptions,
  fill: (folder: string) => Promise<void>,
): Promise<void> {
  const output = resolve(name)
  const folder: FolderToMake = {
    output,
    force,
    what: 'bundle',
    marker: MANIFEST_FILE,
    ownsFile: ownsBundleFile,
    refusal: (message, options) => new BundleError(output, message, options),
  }
  await createFolder(folder, async (unfinished) => {
    await refuseInputsIn(output, inputs)
    await checkRoom(dirname(output), output, mostBytes)
    await fill(unfinished)
  })
}

/**
 * Whether a file, by its path below the folder of a bundle, is one of the bundle's.
 * @throws BundleError when its manifest is damaged
 */
export async function ownsBundleFile(folder: string): Promise<(name: string) => boolean> {
  const manifest = await readManifest(folder)
  const measured = hasPartner(manifest) ? [RECHECK_FILE] : []
  const names = new Set([MANIFEST_FILE, ...measured, ...filesOf(manifest).map(({ path }) => path)])
  return (name) => names.has(name)
}

/** Writes a small file of a bundle that is being made. @param path FOLDER/FILE */
export async function writeBundleFile(
  folder: string,
  path: string,
  content: string | Uint8Array,
): Promise<BundleFile> {
  await Bun.write(join(folder, path), content)
  return { path, bytes: Buffer.byteLength(content), sha256: sha256(content) }
}

async function checkRoom(folder: string, output: string, mostBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  const needed = mostBytes + SMALL_FILES_BYTES
  if (bavail * bsize >= needed) return
  throw new BundleError(
    output,
    `the bundle needs ${bytes(needed)} and the disk of ${output} has ${bytes(bavail * bsize)} left. ` +
      'Free some space or choose another disk.',
    { kind: 'inputOutput' },
  )
}
