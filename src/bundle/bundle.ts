import type { FileHandle } from 'node:fs/promises'
import { lstat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MOST_BYTES, readOpenWithin } from '../system/read-within.ts'
import { fileIdentity, NotRegularError, openRegular } from '../system/regular-file.ts'
import { sha256, sha256Open } from '../system/sha256.ts'
import { fromSystem } from '../system/system-error.ts'
import { BundleError } from './errors.ts'
import { type BundleFile, bundleDigest, type Manifest } from './manifest.ts'

const REMEDY = 'Import the models again, or copy the bundle again'

/** A bundle on disk. What is made of one of its files is made of what was imported: files are compared with the manifest. */
export class Bundle {
  readonly folder: string
  readonly manifest: Manifest
  /** See `bundleDigest`. */
  readonly digest: string

  constructor(folder: string, manifest: Manifest) {
    this.folder = folder
    this.manifest = manifest
    this.digest = bundleDigest(manifest)
  }

  /** Path of one of its files; for what computes with it, see `whileVerified`. */
  pathOf({ path }: BundleFile): string {
    return join(this.folder, path)
  }

  /** Compares everything but the content. @throws BundleError */
  async requireThere(file: BundleFile): Promise<void> {
    await this.#opened(file, async () => {})
  }

  /** Compares the content as well. @throws BundleError */
  async verify(file: BundleFile, signal?: AbortSignal): Promise<void> {
    await this.#opened(file, async (handle) => {
      if ((await sha256Open(handle, signal)) !== file.sha256) throw this.#other(file)
    })
  }

  /** The content of a file, compared as it was read. @throws BundleError */
  async read(file: BundleFile): Promise<Buffer> {
    return await this.#opened(file, async (handle) => {
      const bytes = await readOpenWithin(handle, MOST_BYTES.classifier, this.pathOf(file))
      if (sha256(bytes) !== file.sha256) throw this.#other(file)
      return bytes
    })
  }

  /**
   * Has `use` open some files by their paths: they are what was imported, before and after. What keeps them open longer
   * asks `unchanged` after each use of theirs; that is quick while nobody has touched them.
   *
   * @throws BundleError before `use` when a file is not what was imported; after it when one was written to meanwhile
   */
  async whileVerified<T>(
    files: readonly BundleFile[],
    use: (unchanged: () => Promise<void>) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const known: string[] = []
    for (const file of files) {
      known.push(await this.#identity(file))
      await this.verify(file, signal)
    }
    const unchanged = async () => {
      for (const [i, file] of files.entries()) {
        const now = await this.#identity(file)
        if (now === known[i]) continue
        // A link made to a file looks like a change: the content decides.
        await this.verify(file, signal)
        known[i] = now
      }
    }
    const result = await use(unchanged)
    try {
      await unchanged()
    } catch (error) {
      if (isDisposable(result)) await result[Symbol.asyncDispose]()
      throw error
    }
    return result
  }

  async #identity(file: BundleFile): Promise<string> {
    return await lstat(this.pathOf(file), { bigint: true }).then(fileIdentity, (error) => {
      throw this.#problem(file, error)
    })
  }

  /** Opens a file that is one and has its size. */
  async #opened<T>(file: BundleFile, use: (handle: FileHandle) => Promise<T>): Promise<T> {
    try {
      const place = await lstat(dirname(this.pathOf(file)))
      if (place.isSymbolicLink()) throw new NotRegularError(dirname(this.pathOf(file)), 'a link')
      await using handle = await openRegular(this.pathOf(file))
      const { size } = await handle.stat()
      if (size !== file.bytes) throw this.#error(file, `has ${size} bytes instead of ${file.bytes}`, REMEDY)
      return await use(handle)
    } catch (error) {
      throw this.#problem(file, error)
    }
  }

  #problem(file: BundleFile, error: unknown): unknown {
    if (error instanceof NotRegularError) {
      const inFolder = error.message.startsWith(this.pathOf(file)) ? '' : 'lies in a folder that '
      return this.#error(
        file,
        `${inFolder}is ${error.kind}; a bundle holds its files itself`,
        'Copy what it stands for into its place (cp -rL copies a bundle so)',
      )
    }
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return this.#error(file, 'is missing', REMEDY)
    return fromSystem(error) ?? error
  }

  #other(file: BundleFile): BundleError {
    return this.#error(file, 'is not what was imported (its SHA-256 differs)', REMEDY)
  }

  #error({ path }: BundleFile, problem: string, remedy: string): BundleError {
    const message = `the bundle ${this.folder} is damaged: ${path} ${problem}. ${remedy}`
    return new BundleError(this.folder, message, { detail: { code: 'bundle-damaged', data: {} } })
  }
}

function isDisposable(value: unknown): value is AsyncDisposable {
  return typeof value === 'object' && value !== null && Symbol.asyncDispose in value
}
