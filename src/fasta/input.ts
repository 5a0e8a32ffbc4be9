import { createHash, type Hash } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, read, type Stats } from 'node:fs'
import { access, type FileHandle, mkdtemp, open, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { isatty } from 'node:tty'
import { promisify } from 'node:util'
import { systemProblem } from '../system/problems.ts'
import { descriptorOf, sourceName } from '../system/same-file.ts'
import { cannotWrite } from '../system/system-error.ts'
import { FastaError, type InputDigest, type InputFailure, type ReadStatistics } from './types.ts'

/** An input that can be read, and how. */
export interface InputSource {
  /** As typed; `-` is standard input. */
  readonly input: string
  /** Name in records and messages, `<stdin>` for `-`. */
  readonly name: string
  /** A stream, such as a pipe, gives its bytes once. */
  readonly kind: 'file' | 'stream'
  /** Of a stream that this process was given open; it is never opened again, as its writer may have gone by then. */
  readonly descriptor: number | undefined
  /** A regular file, also when it is standard input. */
  readonly isRegular: boolean
  readonly device: number
  readonly inode: number
}

/** The null device of Linux, as `st_rdev` has it; source: Documentation/admin-guide/devices.txt, 1:3. */
const NULL_DEVICE = 0x103

/**
 * Finds what cannot be read before hours are spent on the inputs before it. Nothing is opened or read.
 *
 * @throws FastaError for the first input that cannot be read, and for a stream that is named twice
 */
export async function inspectInputs(inputs: readonly string[]): Promise<InputSource[]> {
  const sources: InputSource[] = []
  for (const input of inputs) {
    const source = await inspectInput(input)
    const twin = sources.find((other) => isSameStream(other, source))
    if (twin !== undefined) {
      const what = source.descriptor === 0 ? 'standard input ("-")' : 'a pipe'
      const same = twin.name === source.name ? '' : ` (${twin.name} is the same)`
      throw new FastaError(`${source.name}: ${what} can be given only once${same}`, {
        source: source.name,
        reason: 'stream_twice',
      })
    }
    sources.push(source)
  }
  return sources
}

function isSameStream(a: InputSource, b: InputSource): boolean {
  if (a.kind === 'file' || b.kind === 'file') return false
  if (a.descriptor !== undefined && a.descriptor === b.descriptor) return true
  return a.device === b.device && a.inode === b.inode
}

async function inspectInput(input: string): Promise<InputSource> {
  const name = sourceName(input)
  const descriptor = descriptorOf(input)
  let found: Stats
  try {
    found = descriptor === undefined ? await stat(input) : fstatSync(descriptor)
    if (found.isFile() && input !== '-') await access(input, constants.R_OK)
  } catch (cause) {
    throw openError(name, cause)
  }
  const isRegular = found.isFile()
  const what = descriptor === undefined ? unreadablePath(found) : unreadableDescriptor(found, descriptor)
  if (what !== undefined) {
    throw new FastaError(`${name}: ${what}`, {
      source: name,
      reason: found.isDirectory() ? 'directory' : 'not_a_file',
    })
  }
  // A regular file behind `/dev/stdin` can be opened by that name again and again; what `-` gives goes on from where it is.
  const kind = isRegular && input !== '-' ? 'file' : 'stream'
  return {
    input,
    name,
    kind,
    descriptor: kind === 'stream' ? descriptor : undefined,
    isRegular,
    device: found.dev,
    inode: found.ino,
  }
}

const GIVE_FILES = 'give FASTA, FASTQ or BAM files, or pipes'

function unreadablePath(found: Stats): string | undefined {
  if (found.isDirectory()) return 'this is a directory; give the FASTA, FASTQ or BAM files in it'
  if (found.isSocket()) return `this is a socket, which cannot be opened by its name; ${GIVE_FILES}`
  if (found.isCharacterDevice() || found.isBlockDevice()) return `this is a device; ${GIVE_FILES}`
  return undefined
}

/** Open already, a socket can be read, and so can a terminal. */
function unreadableDescriptor(found: Stats, descriptor: number): string | undefined {
  if (found.isSocket() || found.isFIFO() || found.isFile()) return undefined
  if (found.isDirectory()) return unreadablePath(found)
  if (found.isCharacterDevice() && (found.rdev === NULL_DEVICE || isatty(descriptor))) return undefined
  return `this is a device; ${GIVE_FILES}`
}

/** Why an input could not be opened or read. */
function openError(name: string, cause: unknown): FastaError {
  const { code } = cause as NodeJS.ErrnoException
  const problem = systemProblem(cause, 'read')
  const fail = (reason: InputFailure, text: string, kind = problem?.kind) =>
    new FastaError(`${name}: ${text}`, { source: name, reason, cause, kind })
  if (code === 'ENOENT' || code === 'ENOTDIR') return fail('not_found', 'no such file; check the path')
  if (code === 'EBADF')
    return fail('not_found', 'this process was given no such open file; check the command', 'noInput')
  const why = problem === undefined ? (cause as Error).message : `${problem.reason}; ${problem.remedy}`
  return fail('unreadable', `cannot be read: ${why}`)
}

/**
 * Chunks of an input as stored, the next one read while the caller works on this one.
 * With `reuse`, which may change on the way, a chunk is valid only until the next is asked for.
 */
async function* rawChunks(
  source: InputSource,
  readBytes: number,
  options: { reuse: boolean; signal?: AbortSignal | undefined },
): AsyncGenerator<Uint8Array> {
  const { signal } = options
  let handle: FileHandle | undefined
  let pending: Promise<Uint8Array> | undefined
  const buffers = [new Uint8Array(readBytes), new Uint8Array(readBytes)] as const
  const next = (turn: number) => {
    const buffer = options.reuse ? buffers[(turn & 1) as 0 | 1] : new Uint8Array(readBytes)
    const result = readSome(handle?.fd ?? source.descriptor ?? 0, buffer, signal).then((length) =>
      buffer.subarray(0, length),
    )
    result.catch(() => {}) // awaited a turn later; until then it is no unhandled rejection
    return result
  }
  try {
    if (source.descriptor === undefined) handle = await openOrGiveUp(source, signal)
    pending = next(0)
    for (let turn = 1; ; turn++) {
      const chunk = await abortable(pending, signal)
      if (chunk.length === 0) return
      pending = next(turn)
      yield chunk
    }
  } catch (cause) {
    if (signal?.aborted) throw signal.reason
    throw openError(source.name, cause)
  } finally {
    // Not awaited: a read from a silent pipe may never end.
    void pending?.catch(() => {}).then(() => handle?.close())
  }
}

/**
 * Opens an input. A named pipe opens only when its writer does: an abort ends the wait, and frees the thread that
 * waits in `open`, which nothing else would end.
 */
async function openOrGiveUp(
  { input, kind }: InputSource,
  signal: AbortSignal | undefined,
): Promise<FileHandle> {
  const opening = open(input)
  if (kind === 'file') return await opening
  try {
    return await abortable(opening, signal)
  } catch (error) {
    opening.then(
      (handle) => handle.close(),
      () => {},
    )
    if (signal?.aborted) comeAsWriter(input)
    throw error
  }
}

/** Opening a pipe for both directions never waits (fifo(7)), and whoever waits for a writer goes on. */
function comeAsWriter(path: string): void {
  try {
    closeSync(openSync(path, constants.O_RDWR | constants.O_NONBLOCK))
  } catch {
    // Gone, or not ours to write to: the thread waits until the process ends.
  }
}

/** Bytes read into `buffer`; 0 at the end. */
async function readSome(descriptor: number, buffer: Uint8Array, signal?: AbortSignal): Promise<number> {
  for (;;) {
    try {
      return (await promisify(read)(descriptor, buffer, 0, buffer.length, null)).bytesRead
    } catch (error) {
      // A pipe that another process set non-blocking has nothing yet.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || signal?.aborted) throw error
      await setTimeout(5)
    }
  }
}

/** The promise's value, or the signal's reason as soon as it aborts. */
async function abortable<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return promise
  signal.throwIfAborted()
  let onAbort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

interface ByteOptions {
  readBytes: number
  signal?: AbortSignal | undefined
  statistics?: ReadStatistics | undefined
  /** Whether {@link InputBytes.digest} will be asked for. */
  digest: boolean
}

/**
 * The bytes of one input as stored, in one pass, and the digest of exactly these bytes. Whoever parses may stop before
 * the end; `digest` reads the rest.
 */
export class InputBytes implements AsyncDisposable {
  /** Whether a chunk is valid only until the next is asked for; may change on the way. */
  readonly mode: { reuse: boolean; signal: AbortSignal | undefined }
  readonly #chunks: AsyncGenerator<Uint8Array>
  readonly #statistics: ReadStatistics | undefined
  readonly #hasher: Hash | undefined
  #length = 0

  constructor(source: InputSource, { readBytes, signal, statistics, digest }: ByteOptions) {
    this.mode = { reuse: false, signal }
    this.#chunks = rawChunks(source, readBytes, this.mode)
    this.#statistics = statistics
    this.#hasher = digest ? createHash('sha256') : undefined
  }

  /** What has not been read yet. Leaving the loop leaves the rest where it is. */
  async *chunks(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = await this.#next()
      if (chunk === undefined) return
      yield chunk
    }
  }

  async digest(): Promise<InputDigest> {
    while ((await this.#next()) !== undefined) {
      // Only the digest wants these.
    }
    return { bytes: this.#length, sha256: this.#hasher?.digest('hex') ?? '' }
  }

  async #next(): Promise<Uint8Array | undefined> {
    const { value, done } = await this.#chunks.next()
    if (done) return undefined
    this.#length += value.length
    this.#hasher?.update(value)
    if (this.#statistics !== undefined) this.#statistics.bytes += value.length
    return value
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#chunks.return(undefined)
  }
}

/**
 * Looks at the first bytes of a stream without disturbing its chunks.
 * @returns up to `wanted` or more bytes of the start, fewer at the end of the data; and all chunks
 */
export async function peek(
  chunks: AsyncGenerator<Uint8Array>,
  wanted: number,
): Promise<{ head: Uint8Array; chunks: AsyncGenerator<Uint8Array> }> {
  const first: Uint8Array[] = []
  let have = 0
  while (have < wanted) {
    const { value, done } = await chunks.next()
    if (done) break
    // Copied when short, as the source may reuse the buffer for the chunk after.
    first.push(value.length < wanted ? value.slice() : value)
    have += value.length
  }
  const head = first.length === 1 ? first[0]! : Buffer.concat(first)
  return { head, chunks: replay(first, chunks) }
}

async function* replay(first: Uint8Array[], rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* first
    yield* rest
  } finally {
    await rest.return(undefined)
  }
}

const CHUNK_BYTES = 1 << 20

/** A file that can be read again and again; what was copied for it goes with it. */
export interface KeptInput extends AsyncDisposable {
  readonly path: string
}

/**
 * An input for what reads it more than once: a file as it is, the bytes of a stream in a temporary file of our own.
 *
 * @throws FastaError for an input that cannot be read; WriteError
 */
export async function keepInput(input: string, signal?: AbortSignal): Promise<KeptInput> {
  const [source] = await inspectInputs([input])
  if (source === undefined || source.kind === 'file')
    return { path: input, [Symbol.asyncDispose]: () => Promise.resolve() }
  const folder = await mkdtemp(join(tmpdir(), 'virnucpro-')).catch(cannotWrite(tmpdir()))
  const remove = () => rm(folder, { recursive: true, force: true })
  const path = join(folder, source.descriptor === undefined ? basename(input) : 'stdin')
  try {
    await copyStream(source, path, signal)
  } catch (error) {
    await remove()
    throw error
  }
  return { path, [Symbol.asyncDispose]: remove }
}

/** Writes what a stream gives to a file that must not be there yet. */
export async function copyStream(source: InputSource, path: string, signal?: AbortSignal): Promise<void> {
  await using bytes = new InputBytes(source, { readBytes: CHUNK_BYTES, digest: false, signal })
  await using file = await open(path, 'wx', 0o600).catch(cannotWrite(path))
  for await (const chunk of bytes.chunks()) {
    await file.writeFile(chunk).catch(cannotWrite(path))
  }
}
