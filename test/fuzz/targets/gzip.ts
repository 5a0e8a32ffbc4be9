import { crc32, deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { compare, damage, decompressed, following, plainText, readSizes, withBytes } from '../compressed.ts'
import { applied } from '../mutations.ts'
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

const label = fc.stringMatching(/^[ -\xff]{0,12}$/)
const member: fc.Arbitrary<Member> = fc.record({
  text: plainText,
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
      following,
      damage,
      readSizes,
      async (members, after, damaged, sizes) => {
        const whole = Buffer.concat([...members.map(written), after])
        const bytes = applied(damaged, whole, [{ name: 'whole', bytes: whole }])
        await withBytes(bytes, async () => {
          const found = await decompressed('gzip', bytes, sizes)
          compare(found, await zlib.ask(bytes), damaged.length === 0 && after.length === 0)
        })
      },
    ),
}
