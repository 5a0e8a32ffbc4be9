import fc from 'fast-check'
import { CompressedDataError, type CompressionEnd, decompress } from '../../src/fasta/decompress.ts'
import { type Change, changes } from './mutations.ts'

/** What is compressed: bytes of any kind, and what repeats like sequences. */
export const plainText: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc
    .tuple(fc.stringMatching(/^[ACGTN>\n]{1,20}$/), fc.nat(400))
    .map(([letters, times]) => Buffer.from(letters.repeat(times))),
)

/** What comes after the last member or frame: mostly nothing. */
export const following: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 4, arbitrary: fc.constant(new Uint8Array(0)) },
  fc.nat(40).map((zeros) => new Uint8Array(zeros)),
  fc.constantFrom('end of file\n', '\n', '>x\nACGT\n').map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 12 }),
)

/** None twice as often as some. */
export const damage: fc.Arbitrary<readonly Change[]> = fc.oneof(
  { weight: 2, arbitrary: fc.constant<readonly Change[]>([]) },
  changes({ most: 2 }),
)

export const readSizes: fc.Arbitrary<number[]> = fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 4 })

/** The whole in pieces of these sizes, over and over. */
async function* pieces(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const piece = bytes.subarray(at, at + (sizes[turn % sizes.length] ?? bytes.length))
    at += piece.length
    yield piece
  }
}

export interface Decompressed {
  readonly text: Buffer
  readonly end: CompressionEnd
}

/** What our reader makes of compressed data that comes in such pieces; its one error for what it refuses. */
export async function decompressed(
  kind: 'gzip' | 'zstd',
  bytes: Uint8Array,
  sizes: readonly number[],
): Promise<Decompressed | CompressedDataError> {
  const end: CompressionEnd = { missingBgzfEnd: false, trailingAt: undefined }
  const out: Uint8Array[] = []
  try {
    for await (const chunk of decompress(kind, pieces(bytes, sizes), Math.max(1, ...sizes), end))
      out.push(new Uint8Array(chunk))
  } catch (error) {
    if (error instanceof CompressedDataError) return error
    throw error
  }
  return { text: Buffer.concat(out), end }
}

/**
 * Compares with an answer of {@link PythonReference}: 1 and the text, or 0 for what is damaged. What we refuse must not be sound.
 *
 * @param isSound - whether it was written without damage and with nothing after it
 */
export function compare(found: Decompressed | CompressedDataError, answer: Buffer, isSound: boolean): void {
  if (found instanceof CompressedDataError) {
    if (isSound) throw found
    return
  }
  const expected = answer[0] === 1 ? answer.subarray(1) : undefined
  if (expected === undefined || !found.text.equals(expected))
    throw new Error(`${found.text.length} bytes were read, ${expected?.length ?? 'none'} by the reference`)
}

/** Adds what a case can be written from to an error. */
export async function withBytes(bytes: Uint8Array, check: () => Promise<void>): Promise<void> {
  try {
    await check()
  } catch (error) {
    throw new Error(`${(error as Error).message}: ${Buffer.from(bytes).toString('base64')}`, { cause: error })
  }
}
