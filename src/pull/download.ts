import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import * as v from 'valibot'
import { DataError, VirnucproError } from '../system/errors.ts'
import { MOST_BYTES, readText } from '../system/read-within.ts'
import { READ } from '../system/regular-file.ts'
import { sha256 } from '../system/sha256.ts'
import { WriteError } from '../system/system-error.ts'
import { faultOf } from './content.ts'
import { type Client, shown } from './http.ts'
import { type RemoteFile, readRange } from './remote-file.ts'
import { appear, GROWING, unfinishedName } from './unfinished.ts'

const MIB = 1 << 20
/** Largest part of a file that one request is for. */
const PIECE_BYTES = 64 * MIB
/** What has come is on record after so long. */
const RECORD_MS = 2000
/** Fewer bytes are no progress: a server that cuts every connection after them is given up. */
const PROGRESS_BYTES = MIB / 4

export interface DownloadOptions {
  readonly client: Client
  /** Requests at a time. */
  readonly connections: number
  /** Bytes that have come, or, below 0, that have to come once more. */
  readonly onBytes: (bytes: number) => void
  readonly onWarning: (message: string) => void
  readonly signal: AbortSignal
}

/** What has come of a file, beside it while it is not whole. */
const StateSchema = v.object({
  /** Of the address, the version and the size. */
  source: v.string(),
  pieceBytes: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** Bytes from the start of each piece. */
  filled: v.array(v.pipe(v.number(), v.integer(), v.minValue(0))),
})
type State = v.InferOutput<typeof StateSchema>

/** The file that grows, and the record of what of it has come. */
function unfinishedNames(target: string): { data: string; record: string } {
  return { data: unfinishedName(target), record: `${unfinishedName(target)}.json` }
}

/** A record that is being written. */
function nextRecord(record: string): string {
  return `${record}.new`
}

/** Removes what an interrupted call has left of a file. */
export async function removeUnfinished(target: string): Promise<void> {
  const { data, record } = unfinishedNames(target)
  // The record first: it must never describe other bytes than those that lie there.
  for (const path of [record, nextRecord(record), data]) await rm(path, { force: true })
}

/**
 * Downloads a file, whole or not at all, going on where an earlier call was interrupted. One process at a time: the caller
 * holds a lock.
 *
 * @throws DataError when the content is not what was published, twice
 */
export async function download(target: string, file: RemoteFile, options: DownloadOptions): Promise<void> {
  let counted = 0
  const onBytes = (bytes: number) => {
    counted += bytes
    options.onBytes(bytes)
  }
  for (let attempt = 1; ; attempt++) {
    const fault = await attemptDownload(target, file, { ...options, onBytes })
    if (fault === undefined) return
    await removeUnfinished(target)
    if (attempt === 2) throw new DataError(`${shown(file.url)}: ${fault}, twice. Nothing of it was kept.`)
    options.onWarning(`${shown(file.url)}: ${fault}; starting over`)
    onBytes(-counted)
  }
}

/** @returns why it must start over */
async function attemptDownload(
  target: string,
  file: RemoteFile,
  options: DownloadOptions,
): Promise<string | undefined> {
  const { data, record } = unfinishedNames(target)
  try {
    await mkdir(dirname(target), { recursive: true })
    const handle = await open(data, GROWING)
    try {
      const parts = await Parts.open(handle, record, file)
      options.onBytes(parts.filledBytes)
      await fetchParts(parts, file, options)
    } finally {
      await handle.close()
    }
    const fault = await faultOf(data, target, file.digest, options.signal)
    if (fault !== undefined) return fault
    await appear(data, target)
    await removeUnfinished(target)
    return undefined
  } catch (error) {
    if (error instanceof VirnucproError || options.signal.aborted) throw error
    const { code } = error as NodeJS.ErrnoException
    throw code === undefined ? error : new WriteError(data, error)
  }
}

async function fetchParts(parts: Parts, file: RemoteFile, options: DownloadOptions): Promise<void> {
  const queue = parts.open()
  // When one fails, the others must not go on writing.
  const stop = new AbortController()
  const client = options.client.until(stop.signal)
  const worker = async () => {
    for (let piece = queue.shift(); piece !== undefined && !stop.signal.aborted; piece = queue.shift())
      await fetchPart(parts, piece, file, { ...options, client })
  }
  const workers = Array.from({ length: file.hasRanges ? options.connections : 1 }, () =>
    worker().catch((error) => {
      stop.abort(error)
      throw error
    }),
  )
  const results = await Promise.allSettled(workers)
  await parts.save()
  for (const result of results) if (result.status === 'rejected') throw stop.signal.reason
}

async function fetchPart(
  parts: Parts,
  piece: number,
  file: RemoteFile,
  { client, onBytes }: DownloadOptions,
): Promise<void> {
  const { end } = parts.bounds(piece)
  await client.persist(shown(file.url), async (advanced) => {
    if (!file.hasRanges) onBytes(-parts.clear(piece))
    let news = 0
    for await (const bytes of readRange(client, file, parts.next(piece), end)) {
      await parts.write(piece, bytes)
      onBytes(bytes.length)
      news += bytes.length
      if (file.hasRanges && news > PROGRESS_BYTES) advanced()
    }
  })
}

class Parts {
  readonly #handle: FileHandle
  readonly #record: string
  readonly #bytes: number
  readonly #state: State
  #saved = performance.now()
  #saving: Promise<void> | undefined

  private constructor(handle: FileHandle, record: string, bytes: number, state: State) {
    this.#handle = handle
    this.#record = record
    this.#bytes = bytes
    this.#state = state
  }

  static async open(handle: FileHandle, record: string, file: RemoteFile): Promise<Parts> {
    const { size } = await handle.stat()
    const found = size === file.bytes ? await readState(record) : undefined
    const fresh = freshState(file)
    const fits = found?.source === fresh.source && isPossible(found, file.bytes)
    if (!fits) {
      await rm(record, { force: true })
      await handle.truncate(0)
      await handle.truncate(file.bytes)
    }
    return new Parts(handle, record, file.bytes, fits ? found : fresh)
  }

  get filledBytes(): number {
    return this.#state.filled.reduce((sum, bytes) => sum + bytes, 0)
  }

  bounds(piece: number): { start: number; end: number } {
    const start = piece * this.#state.pieceBytes
    return { start, end: Math.min(this.#bytes, start + this.#state.pieceBytes) }
  }

  /** Offset of the next byte to come of a piece. */
  next(piece: number): number {
    return this.bounds(piece).start + (this.#state.filled[piece] ?? 0)
  }

  /** Pieces that are not whole. */
  open(): number[] {
    return this.#state.filled
      .map((_, piece) => piece)
      .filter((piece) => this.next(piece) < this.bounds(piece).end)
  }

  /** @returns the bytes that it had */
  clear(piece: number): number {
    const had = this.#state.filled[piece] ?? 0
    this.#state.filled[piece] = 0
    return had
  }

  async write(piece: number, bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; )
      at += (await this.#handle.write(bytes, at, bytes.length - at, this.next(piece) + at)).bytesWritten
    this.#state.filled[piece] = (this.#state.filled[piece] ?? 0) + bytes.length
    if (performance.now() - this.#saved > RECORD_MS) await this.save()
  }

  /** Puts on record what lies on the disk: the bytes first. */
  async save(): Promise<void> {
    this.#saved = performance.now()
    await this.#saving
    const state = JSON.stringify(this.#state)
    this.#saving = (async () => {
      await this.#handle.datasync()
      await writeRecord(this.#record, state)
    })()
    await this.#saving
  }
}

/** Some sixteen pieces of a small file, so that it too comes over several connections. */
function freshState({ url, bytes, digest, etag, hasRanges }: RemoteFile): State {
  const pieceBytes = hasRanges ? Math.min(PIECE_BYTES, Math.max(MIB, Math.ceil(bytes / 16))) : bytes
  // The same content may go on from another mirror; without a digest only this address has it.
  const source = sha256(JSON.stringify([bytes, digest ?? [url, etag]]))
  return { source, pieceBytes, filled: Array.from({ length: Math.ceil(bytes / pieceBytes) }, () => 0) }
}

function isPossible({ pieceBytes, filled }: State, bytes: number): boolean {
  return (
    filled.length === Math.ceil(bytes / pieceBytes) &&
    filled.every((each, piece) => each <= Math.min(pieceBytes, bytes - piece * pieceBytes))
  )
}

async function writeRecord(record: string, text: string): Promise<void> {
  const file = await open(nextRecord(record), GROWING | constants.O_TRUNC)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(nextRecord(record), record)
}

async function readState(record: string): Promise<State | undefined> {
  try {
    const text = await readText(record, MOST_BYTES.description, READ)
    return v.parse(StateSchema, JSON.parse(text))
  } catch {
    // Not there, or damaged: the file starts over.
    return undefined
  }
}
