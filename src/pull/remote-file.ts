import { NoInputError, TryAgainError, UnavailableError } from '../system/errors.ts'
import { foreign } from '../system/printable.ts'
import { type Answer, type Client, passing, shown } from './http.ts'

/** What a publisher says of the content. `git` is the SHA-1 that git gives a file. */
export interface Digest {
  readonly kind: 'sha256' | 'git'
  readonly hex: string
}

/** A file at an address, as its server describes it. */
export interface RemoteFile {
  readonly url: string
  readonly bytes: number
  /** Whether the server sends parts of it. */
  readonly hasRanges: boolean
  readonly digest: Digest | undefined
  /** Names this version of the file at the server. */
  readonly etag: string | undefined
}

/** What is known of a file before its server is asked. */
export interface Listed {
  readonly bytes?: number | undefined
  readonly digest?: Digest | undefined
}

/**
 * Asks a server for the first byte of a file, which is what says most: size, ranges, version. HEAD is answered differently
 * by mirrors, or not at all.
 *
 * @throws NotThereError; UnavailableError when something else is there
 */
export async function inspect(client: Client, url: string, listed: Listed = {}): Promise<RemoteFile> {
  return await client.persist(shown(url), async () => {
    const answer = await client.request(url, { range: 'bytes=0-0' }).catch((error) => {
      // There is no first byte.
      throw error instanceof UnavailableError && / answered 416 /.test(error.message)
        ? new NoInputError(`${shown(url)} is empty`)
        : error
    })
    refuseOtherContent(answer)
    const hasRanges = answer.response.status === 206
    const bytes = hasRanges
      ? rangeOf(answer)?.total
      : (sizeOf(answer) ?? listed.bytes ?? (await count(answer)))
    answer.close()
    if (bytes === undefined)
      throw new UnavailableError(`${shown(url)}: the server does not say how large it is`)
    const linked = Number(answer.header('x-linked-size') ?? listed.bytes ?? bytes)
    if (bytes !== (listed.bytes ?? linked))
      throw new UnavailableError(
        `${shown(url)}: the server has ${bytes} bytes, but ${listed.bytes ?? linked} were published`,
      )
    return {
      url,
      bytes,
      hasRanges,
      digest: listed.digest ?? linkedDigest(answer),
      etag: answer.response.headers.get('etag') ?? undefined,
    }
  })
}

/** A small text, such as JSON. @throws NotThereError */
export async function fetchText(client: Client, url: string): Promise<string> {
  return await client.persist(shown(url), async () => {
    const answer = await client.request(url)
    refuseOtherContent(answer)
    const pieces: Uint8Array[] = []
    if ((await count(answer, (piece) => pieces.push(piece))) === undefined)
      throw new UnavailableError(`${shown(url)}: larger than any text expected there`)
    return Buffer.concat(pieces).toString('utf8')
  })
}

const LARGEST_TEXT = 20_000_000

/** The bytes of a small body; undefined for a large one, of which the rest is not read. */
async function count(answer: Answer, take?: (piece: Uint8Array) => void): Promise<number | undefined> {
  let bytes = 0
  for await (const piece of answer.body()) {
    bytes += piece.length
    if (bytes > LARGEST_TEXT) return undefined
    take?.(piece)
  }
  return bytes
}

/** The bytes from `start` to before `end`. @throws faults that pass; TryAgainError when it was changed */
export async function* readRange(
  client: Client,
  file: RemoteFile,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  // Machines behind one address may have a tag each; where the content has a digest, that says more.
  const strong = file.digest === undefined && file.etag?.startsWith('"') ? { 'if-range': file.etag } : {}
  const range = file.hasRanges ? { range: `bytes=${start}-${end - 1}`, ...strong } : {}
  const answer = await client.request(file.url, range)
  try {
    refuseOtherContent(answer)
    checkRange(answer, file, start, end)
    let at = start
    for await (const piece of answer.body()) {
      if (at + piece.length > end) throw passing(`${shown(file.url)}: more bytes came than were asked for`)
      yield piece
      at += piece.length
    }
    if (at < end) throw passing(`${shown(file.url)}: ${end - at} bytes too few came`)
  } finally {
    answer.close()
  }
}

/** The file is not the one any more of which parts have come. */
function changed(file: RemoteFile): Error {
  return new TryAgainError(`${shown(file.url)} was changed at the server while it was being downloaded`)
}

function checkRange(answer: Answer, file: RemoteFile, start: number, end: number): void {
  if (!file.hasRanges) {
    const bytes = sizeOf(answer)
    if (bytes !== undefined && bytes !== file.bytes) throw changed(file)
    return
  }
  if (answer.response.status === 200) throw changed(file)
  const range = rangeOf(answer)
  if (range?.total !== undefined && range.total !== file.bytes) throw changed(file)
  if (range?.start !== start || range.end !== end - 1)
    throw new UnavailableError(
      `${shown(file.url)}: bytes ${start} to ${end - 1} were asked for, and the server sent others`,
    )
}

/** Source: RFC 9110, section 14.4. */
function rangeOf({ response }: Answer): { start: number; end: number; total: number } | undefined {
  const [, start, end, total] =
    /^bytes (\d+)-(\d+)\/(\d+)$/.exec(response.headers.get('content-range') ?? '') ?? []
  return total === undefined ? undefined : { start: Number(start), end: Number(end), total: Number(total) }
}

function sizeOf({ response }: Answer): number | undefined {
  const value = response.headers.get('content-length')
  return value !== null && /^\d+$/.test(value) ? Number(value) : undefined
}

/** Hugging Face names a large file by its SHA-256, and a small one by git's SHA-1. */
function linkedDigest(answer: Answer): Digest | undefined {
  const hex = /^"([0-9a-f]{64})"$/.exec(answer.header('x-linked-etag') ?? '')?.[1]
  return hex === undefined ? undefined : { kind: 'sha256', hex }
}

/** Logins of networks, proxies and wrong addresses answer with a page and a success. What was packed on the way has other bytes. */
function refuseOtherContent(answer: Answer): void {
  const { headers } = answer.response
  const encoding = headers.get('content-encoding') ?? 'identity'
  const isPage = /^text\/html\b/i.test(headers.get('content-type') ?? '')
  if (!isPage && encoding === 'identity') return
  answer.close()
  throw new UnavailableError(
    isPage
      ? `${shown(answer.url)}: a web page came in place of the file, perhaps of a proxy or a login`
      : `${shown(answer.url)}: the server or a proxy compresses the file (${foreign(encoding, 40)}), which was not asked for`,
  )
}
