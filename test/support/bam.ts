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
