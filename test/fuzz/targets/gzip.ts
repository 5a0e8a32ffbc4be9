import { crc32, deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { CompressedDataError, type CompressionEnd, decompress } from '../../../src/fasta/decompress.ts'
import { applied, type Change, changes } from '../mutations.ts'
import { PythonReference } from '../python.ts'
import type { Target } from '../target.ts'

const FLAG = { headerCrc: 2, extra: 4, name: 8, comment: 16 }

interface Member {
  text: Uint8Array
  level: number
  /** Whether it is a block of bgzip. */
  isBlock: boolean
  extra: Uint8Array | undefined
  name: string | undefined
  comment: string | undefined
  hasHeaderCrc: boolean
}

const word = (value: number) => Buffer.from([value & 255, value >> 8])

function written({ text, level, isBlock, extra, name, comment, hasHeaderCrc }: Member): Uint8Array {
  const deflated = deflateRawSync(text, { level })
  const ends = Buffer.alloc(8)
  ends.writeUInt32LE(crc32(text))
  ends.writeUInt32LE(text.length, 4)
  if (isBlock) {
    const size = word(deflated.length + 25)
    return Buffer.concat([Buffer.from('1f8b08040000000000ff060042430200', 'hex'), size, deflated, ends])
  }
  const flags =
    (extra === undefined ? 0 : FLAG.extra) |
    (name === undefined ? 0 : FLAG.name) |
    (comment === undefined ? 0 : FLAG.comment) |
    (hasHeaderCrc ? FLAG.headerCrc : 0)
  const head = [Buffer.from([0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 0, 255])]
  if (extra !== undefined) head.push(word(extra.length), Buffer.from(extra))
  for (const field of [name, comment]) if (field !== undefined) head.push(Buffer.from(`${field}\0`, 'latin1'))
  if (hasHeaderCrc) head.push(word(crc32(Buffer.concat(head)) & 0xffff))
  return Buffer.concat([...head, deflated, ends])
}

const text = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc
    .tuple(fc.stringMatching(/^[ACGTN>\n]{1,20}$/), fc.nat(400))
    .map(([letters, times]) => Buffer.from(letters.repeat(times))),
)
const label = fc.stringMatching(/^[ -\xff]{0,12}$/)
const member: fc.Arbitrary<Member> = fc.record({
  text,
  level: fc.constantFrom(0, 1, 6, 9),
  isBlock: fc.boolean(),
  // No field of bgzip, whose size would contradict the member.
  extra: fc.option(
    fc.uint8Array({ maxLength: 20 }).filter(([first]) => first !== 0x42),
    { nil: undefined },
  ),
  name: fc.option(label, { nil: undefined }),
  comment: fc.option(label, { nil: undefined }),
  hasHeaderCrc: fc.boolean(),
})
const trailing = fc.oneof(
  { weight: 4, arbitrary: fc.constant(new Uint8Array(0)) },
  fc.nat(40).map((zeros) => new Uint8Array(zeros)),
  fc.constantFrom('end of file\n', '\n', '>x\nACGT\n').map((garbage) => Buffer.from(garbage)),
  fc.uint8Array({ maxLength: 12 }),
)

/** The whole data in pieces, which all are used. */
async function* pieces(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? bytes.length
    yield bytes.slice(at, at + size)
    at += size
  }
}

async function ours(bytes: Uint8Array, sizes: readonly number[]): Promise<Buffer | CompressedDataError> {
  const end: CompressionEnd = { missingBgzfEnd: false, trailingAt: undefined }
  const out: Uint8Array[] = []
  try {
    for await (const chunk of decompress('gzip', pieces(bytes, sizes), Math.max(1, ...sizes), end))
      out.push(chunk.slice())
  } catch (error) {
    if (error instanceof CompressedDataError) return error
    throw error
  }
  return Buffer.concat(out)
}

/** Answers 1 and the text, or 0 for what is damaged. */
const zlib = new PythonReference(`
import zlib
def answer(data):
    text = b""
    try:
        while True:
            member = zlib.decompressobj(31)
            text += member.decompress(data)
            if not member.eof:
                return b"\\0"
            data = member.unused_data
            if not data.startswith(b"\\x1f\\x8b"):
                return b"\\1" + text
    except zlib.error:
        return b"\\0"
`)

export const target: Target = {
  name: 'gzip',
  about:
    'members and bgzip blocks, whole, padded, followed, damaged or cut, in pieces, against zlib on the whole',
  weight: 2,
  property: () =>
    fc.asyncProperty(
      fc.array(member, { minLength: 1, maxLength: 4 }),
      trailing,
      fc.oneof({ weight: 2, arbitrary: fc.constant<readonly Change[]>([]) }, changes({ most: 2 })),
      fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 4 }),
      async (members, after, damage, sizes) => {
        const whole = Buffer.concat([...members.map(written), after])
        const bytes = applied(damage, whole, [{ name: 'whole', bytes: whole }])
        const [found, answer] = [await ours(bytes, sizes), await zlib.ask(bytes)]
        if (found instanceof CompressedDataError) {
          if (damage.length === 0 && after.length === 0) throw found
        } else if (answer[0] === 0 || !found.equals(answer.subarray(1)))
          throw new Error(`${found.length} bytes were read, ${answer[0] ? answer.length - 1 : 'none'} by zlib:
${bytes.toBase64()}`)
      },
    ),
}
