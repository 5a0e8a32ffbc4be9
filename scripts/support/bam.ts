import { crc32, deflateRawSync } from 'node:zlib'

// BAM by hand, as the SAM specification lays it out.

const TEXT = '@HD\tVN:1.6\n'
export const CODES = '=ACMGRSVTWYHKDBN'

/** Flags, and sizes that are wrong on purpose. */
export interface Fields {
  flag?: number
  reference?: number
  size?: number
  letters?: number
}

/** A record as the SAM specification lays it out, or one with wrong sizes. */
export function record(name: string, sequence: string, fields: Fields = {}): Buffer {
  const { flag = 4, reference = -1, letters = sequence.length } = fields
  const id = Buffer.from(`${name}\0`)
  const packed = Buffer.alloc((sequence.length + 1) >> 1)
  for (const [i, letter] of [...sequence].entries())
    packed[i >> 1]! |= CODES.indexOf(letter) << (i % 2 === 0 ? 4 : 0)
  const head = Buffer.alloc(36)
  head.writeInt32LE(fields.size ?? 32 + id.length + packed.length + sequence.length, 0)
  head.writeInt32LE(reference, 4)
  head.writeInt32LE(-1, 8)
  head.writeUInt8(id.length, 12)
  head.writeUInt16LE(flag, 18)
  head.writeInt32LE(letters, 20)
  head.writeInt32LE(-1, 24)
  head.writeInt32LE(-1, 28)
  return Buffer.concat([head, id, packed, Buffer.alloc(sequence.length, 30)])
}

/** The bytes of BAM, not compressed. */
export function bam(...records: Buffer[]): Buffer {
  const head = Buffer.alloc(8)
  head.write('BAM\x01', 'latin1')
  head.writeInt32LE(TEXT.length, 4)
  return Buffer.concat([head, Buffer.from(TEXT), Buffer.alloc(4), ...records])
}

/** One bgzip block (SAM specification, section 4.1) of at most 64 KiB. */
export function bgzfBlock(content: Uint8Array): Uint8Array {
  const deflated = deflateRawSync(content)
  const block = Buffer.alloc(18 + deflated.length + 8)
  Buffer.from('1f8b08040000000000ff0600424302000000', 'hex').copy(block)
  block.writeUInt16LE(block.length - 1, 16)
  deflated.copy(block, 18)
  block.writeUInt32LE(crc32(content), 18 + deflated.length)
  block.writeUInt32LE(content.length, 22 + deflated.length)
  return block
}

/** A bgzip file; `endMarker` false leaves out the empty last block. */
export function bgzip(content: Uint8Array, blockBytes = 1000, endMarker = true): Uint8Array {
  const blocks: Uint8Array[] = []
  for (let from = 0; from < content.length; from += blockBytes) {
    blocks.push(bgzfBlock(content.subarray(from, from + blockBytes)))
  }
  if (endMarker) blocks.push(bgzfBlock(new Uint8Array(0)))
  return Buffer.concat(blocks)
}
