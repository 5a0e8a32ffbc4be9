import { constants, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { CompressedDataError } from '../../../src/fasta/decompress.ts'
import { compare, damage, decompressed, following, plainText, readSizes, withBytes } from '../compressed.ts'
import { applied } from '../mutations.ts'
import { PythonReference } from '../python.ts'
import type { Target } from '../target.ts'

interface Frame {
  readonly bytes: Uint8Array
  readonly text: Uint8Array
}

const MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd])
const flag = fc.constantFrom(0, 1)

const compressedFrame = fc
  .tuple(plainText, fc.constantFrom(-5, 1, 3, 19), flag, flag)
  .map(([text, level, checksum, contentSize]): Frame => {
    const params = {
      [constants.ZSTD_c_compressionLevel]: level,
      [constants.ZSTD_c_checksumFlag]: checksum,
      [constants.ZSTD_c_contentSizeFlag]: contentSize,
    }
    return { text, bytes: zstdCompressSync(text, { params }) }
  })

/** A block as RFC 8878, 3.1.1.2, has it: raw, or one byte many times. */
function block(text: Uint8Array, isLast: boolean): Uint8Array {
  const isRun = text.length > 3 && text.every((byte) => byte === text[0])
  const header = Buffer.alloc(3)
  header.writeUIntLE((isLast ? 1 : 0) | ((isRun ? 1 : 0) << 1) | (text.length << 3), 0, 3)
  return Buffer.concat([header, isRun ? text.subarray(0, 1) : text])
}

const blocks = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.tuple(fc.nat(255), fc.nat(900)).map(([byte, times]) => new Uint8Array(times).fill(byte)),
  ),
  { minLength: 1, maxLength: 4 },
)

/** Frames of blocks that no compressor makes, with windows from 1 KiB to `2^log` bytes. */
function handMade(log: number): fc.Arbitrary<Frame> {
  return fc.tuple(blocks, fc.integer({ min: 10, max: log })).map(([texts, window]) => ({
    text: Buffer.concat(texts),
    bytes: Buffer.concat([
      MAGIC,
      Buffer.from([0, (window - 10) << 3]),
      ...texts.map((text, index) => block(text, index === texts.length - 1)),
    ]),
  }))
}

const skippable = fc.tuple(fc.nat(15), fc.uint8Array({ maxLength: 30 })).map(([kind, content]): Frame => {
  const head = Buffer.from([0x50 | kind, 0x2a, 0x4d, 0x18, 0, 0, 0, 0])
  head.writeUInt32LE(content.length, 4)
  return { text: new Uint8Array(0), bytes: Buffer.concat([head, content]) }
})

/** Answers 1 and the text, 0 for what is damaged or cut, 2 for windows that are larger than it takes. */
const arrow = new PythonReference(`
import io, pyarrow
class Bytewise(io.BytesIO):
    def read(self, count=-1):
        return super().read(min(1, count))
def answer(data):
    try:
        # Given whole frames, it would look at more than at those that come in pieces.
        return b"\\1" + pyarrow.CompressedInputStream(pyarrow.PythonFile(Bytewise(data), "r"), "zstd").read()
    except OSError as error:
        return b"\\2" if "too much memory" in str(error) else b"\\0"
`)

/** Which the reference takes; it knows no larger ones. */
const SMALL_WINDOW = 24

export const target: Target = {
  name: 'zstd',
  about:
    'frames, skippable and hand-made ones, whole, followed, damaged or cut, in pieces, against the reader of Arrow',
  weight: 2,
  property: () => {
    const frames = (log: number) =>
      fc.array(fc.oneof({ weight: 2, arbitrary: compressedFrame }, handMade(log), skippable), {
        minLength: 1,
        maxLength: 4,
      })
    const sound = frames(31).map((list) => ({ list, after: new Uint8Array(0), damaged: [] }))
    const any = fc.record({ list: frames(SMALL_WINDOW), after: following, damaged: damage })
    return fc.asyncProperty(
      fc.oneof(sound, { weight: 3, arbitrary: any }),
      readSizes,
      async (data, sizes) => {
        const { list, after, damaged } = data
        const whole = Buffer.concat([...list.map(({ bytes }) => bytes), after])
        const bytes = applied(damaged, whole, [{ name: 'whole', bytes: whole }])
        await withBytes(bytes, async () => {
          const found = await decompressed('zstd', bytes, sizes)
          if (damaged.length === 0 && after.length === 0) {
            const text = Buffer.concat(list.map((frame) => frame.text))
            compare(found, Buffer.concat([Buffer.from([1]), text]), true)
            return
          }
          const end = found instanceof CompressedDataError ? undefined : found.end.trailingAt
          const answer = await arrow.ask(bytes.subarray(0, end))
          if (answer[0] !== 2) compare(found, answer, false)
        })
      },
    )
  },
}
