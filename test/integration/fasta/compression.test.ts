import { expect, test } from 'bun:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { bgzip } from '../../../scripts/support/bam.ts'
import { withAdvice } from '../../../src/cli/errors.ts'
import { hasPython, runPython } from '../../support/python.ts'
import { collect, failure, scratch, skipping } from './support.ts'

const { folder, file } = scratch()

const TEXT = Buffer.from(
  Array.from(
    { length: 200 },
    (_, index) => `>r${index} x\n${'ACGTN'.repeat(1 + (index % 40))}\nGATTACA\n`,
  ).join(''),
)
const EXPECTED = await collect(file('plain.fa', TEXT))
const half = TEXT.length / 2
const skippable = Buffer.from([0x53, 0x2a, 0x4d, 0x18, 5, 0, 0, 0, 1, 2, 3, 4, 5])

const READABLE: Record<string, Uint8Array> = {
  gzip: gzipSync(TEXT),
  'gzip of two members': Buffer.concat([gzipSync(TEXT.subarray(0, half)), gzipSync(TEXT.subarray(half))]),
  'gzip with an empty member': Buffer.concat([gzipSync(''), gzipSync(TEXT), gzipSync('')]),
  'gzip padded with zero bytes': Buffer.concat([gzipSync(TEXT), Buffer.alloc(700)]),
  bgzip: bgzip(TEXT),
  zstd: zstdCompressSync(TEXT),
  'zstd of two frames': Buffer.concat([
    zstdCompressSync(TEXT.subarray(0, half)),
    zstdCompressSync(TEXT.subarray(half)),
  ]),
  'zstd with skippable frames': Buffer.concat([skippable, zstdCompressSync(TEXT), skippable]),
}

test.each(Object.keys(READABLE))('%s, under any name and at any read size', async (name) => {
  const path = file('compressed.txt', READABLE[name]!)
  for (const readBytes of [13, 100, 1 << 18]) expect(await collect(path, { readBytes })).toEqual(EXPECTED)
})

test('a file of the zstd program with checksums and several blocks', async () => {
  const zstd = Bun.which('zstd')
  if (zstd === null) return
  const text = Buffer.from(`>long\n${'ACGTTGCAAC'.repeat(60_000)}\n>after\nAC\n`)
  const path = file('tool.fa', text)
  await Bun.spawn([zstd, '-q', '-19', '--check', '-f', path, '-o', `${path}.zst`]).exited
  expect(await collect(`${path}.zst`, { readBytes: 77 })).toEqual(await collect(path))
})

test('zstd blocks of one repeated byte', async () => {
  const text = `>polyA\n${'A'.repeat(700_000)}\n>after\nAC\n`
  const content = Buffer.concat([zstdCompressSync(text), zstdCompressSync('>second\nAC')])
  const records = await collect(file('polya.zst', content))
  expect(records.map(({ id, sequence }) => [id, sequence.length])).toEqual([
    ['polyA', 700_000],
    ['after', 2],
    ['second', 2],
  ])
})

test.skipIf(!hasPython)("a file of Biopython's bgzip writer", async () => {
  const path = `${folder}/biopython.fa.gz`
  const program =
    'import sys\nfrom Bio.bgzf import BgzfWriter\nw = BgzfWriter(sys.argv[2], "wb")\nw.write(open(sys.argv[1], "rb").read())\nw.close()'
  await runPython(program, file('plain.fa', TEXT), path)
  const { records, reports } = await skipping(path)
  expect(records).toEqual(EXPECTED)
  expect(reports).toEqual([])
})

function flippedStart(bytes: Uint8Array): Uint8Array {
  const flipped = Uint8Array.from(bytes)
  flipped[1]! ^= 0x20
  return flipped
}

const zeroed = Buffer.concat([gzipSync(TEXT), Buffer.alloc(9), gzipSync(TEXT)])
const flipped = gzipSync(TEXT)
flipped[flipped.length - 7]! ^= 0x10
const zstd = zstdCompressSync(TEXT)
const DAMAGED: Record<string, [content: Uint8Array, message: RegExp]> = {
  'gzip cut off': [gzipSync(TEXT).subarray(0, -20), /gzip data is cut off/],
  'gzip cut off in the trailer': [gzipSync(TEXT).subarray(0, -3), /gzip data is cut off/],
  'gzip header only': [gzipSync(TEXT).subarray(0, 7), /gzip data is cut off/],
  'gzip with a wrong checksum': [flipped, /gzip data is damaged \(incorrect data check\)/],
  'gzip member with one wrong bit at its start': [
    Buffer.concat([gzipSync(TEXT), flippedStart(gzipSync(TEXT))]),
    /gzip data is damaged \(no member starts at byte/,
  ],
  'bgzip block with one wrong bit at its start': [
    Buffer.concat([bgzip(TEXT, 1000, false), flippedStart(bgzip(TEXT))]),
    /gzip data is damaged \(no member starts at byte/,
  ],
  'gzip cut off at the start of a member': [
    Buffer.concat([gzipSync(TEXT), gzipSync(TEXT).subarray(0, 2)]),
    /gzip data is cut off/,
  ],
  'gzip with a wrong checksum of its header': [
    Buffer.concat([
      Buffer.from('1f8b0802000000000003', 'hex'),
      Buffer.from([1, 2]),
      gzipSync(TEXT).subarray(10),
    ]),
    /gzip data is damaged \(incorrect header checksum\)/,
  ],
  'gzip member of an unknown method after another': [
    Buffer.concat([gzipSync(TEXT), Buffer.from('1f8b77', 'hex'), gzipSync(TEXT).subarray(3)]),
    /gzip data is damaged \(no member starts at byte/,
  ],
  'gzip members with zero bytes between them': [zeroed, /something else follows the zero bytes/],
  'zstd cut off': [zstd.subarray(0, -9), /zstd data ends inside a frame/],
  'zstd cut off in the second frame': [
    Buffer.concat([zstd, zstd.subarray(0, 3)]),
    /zstd data ends inside a frame/,
  ],
  'zstd frame with one wrong bit at its start': [
    Buffer.concat([zstd, flippedStart(zstd)]),
    /no zstd frame at byte \d+/,
  ],
  'zstd frame that is shorter than it says': [
    Buffer.concat([zstd, Buffer.from('28b52ffda000002000010000', 'hex')]),
    /zstd data is damaged \(incorrect length\)/,
  ],
  'gzip, then zstd': [
    Buffer.concat([gzipSync(TEXT), zstd]),
    /the gzip data ends at byte \d+, and zstd data follows/,
  ],
  'bgzip, then xz': [Buffer.concat([bgzip(TEXT), Buffer.from('fd377a585a00', 'hex')]), /xz data follows/],
  'zstd, then gzip': [
    Buffer.concat([zstd, gzipSync(TEXT)]),
    /the zstd data ends at byte \d+, and gzip data follows/,
  ],
  'zstd, then bzip2': [Buffer.concat([zstd, Buffer.from('BZh91AY&SY')]), /bzip2 data follows/],
}

test.each(Object.keys(DAMAGED))('%s is an error naming the file', async (name) => {
  const [content, message] = DAMAGED[name]!
  const path = file('damaged.fa', content)
  for (const readBytes of [13, 1 << 18]) {
    // No policy skips it: an unknown part of the input is gone.
    const error = await failure(path, { readBytes, onInvalid: 'skip' })
    expect(error.message).toStartWith(`${path}: `)
    expect(error.message).toMatch(message)
    expect(error).toMatchObject({ source: path, reason: 'corrupt_compression' })
  }
})

const FOLLOWED: Record<string, Uint8Array> = {
  'gzip, then text': Buffer.concat([gzipSync(TEXT), TEXT]),
  'gzip, then a line end': Buffer.concat([gzipSync(TEXT), Buffer.from('\n')]),
  'gzip, then zero bytes and text': Buffer.concat([gzipSync(TEXT), Buffer.alloc(700), Buffer.from('end')]),
  'gzip of two members, then binary data': Buffer.concat([
    gzipSync(TEXT.subarray(0, half)),
    gzipSync(TEXT.subarray(half)),
    Buffer.from('89504e47', 'hex'),
  ]),
  'bgzip, then text': Buffer.concat([bgzip(TEXT), Buffer.from('\nnot compressed')]),
  'zstd, then text': Buffer.concat([zstd, TEXT]),
  'zstd, then a line end': Buffer.concat([zstd, Buffer.from('\n')]),
  'zstd, then three letters': Buffer.concat([zstd, Buffer.from('end')]),
}

test.each(Object.keys(FOLLOWED))('%s: the text is whole, with a warning', async (name) => {
  const path = file('followed', FOLLOWED[name]!)
  for (const readBytes of [1, 13, 1 << 18]) {
    const reports: string[] = []
    const records = await collect(path, {
      readBytes,
      onInvalidRecord: ({ reason, outcome }) => reports.push(`${reason} ${outcome}`),
    })
    expect(records).toEqual(EXPECTED)
    expect(reports).toEqual(['trailing_bytes noted'])
  }
  expect((await failure(path, { onInvalid: 'fail' })).reason).toBe('trailing_bytes')
})

/** A zstd frame of one raw block that declares a window of 2^log bytes (RFC 8878, section 3.1.1). */
function zstdFrame(log: number, content: Uint8Array): Uint8Array {
  const block = Buffer.alloc(3)
  block.writeUIntLE(1 | (content.length << 3), 0, 3)
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3]), block, content])
}

test('zstd windows of up to 2 GiB are read, without the memory for them', async () => {
  for (const log of [27, 28, 30, 31]) {
    expect(await collect(file(`window_${log}`, zstdFrame(log, TEXT)))).toEqual(EXPECTED)
  }
  expect(process.memoryUsage.rss()).toBeLessThan(1 << 30)
  expect((await failure(file('window_32', zstdFrame(32, TEXT)))).message).toContain('more than 2 GiB')
})

test('bgzip without its end marker is reported, and an error only on request', async () => {
  const path = file('no_end.fa.gz', bgzip(TEXT, 1000, false))
  const reports: string[] = []
  expect(await collect(path, { onInvalidRecord: ({ reason }) => reports.push(reason) })).toEqual(EXPECTED)
  expect(reports).toEqual(['missing_bgzf_end'])
  expect((await failure(path, { onInvalid: 'fail' })).reason).toBe('missing_bgzf_end')
})

test.each([
  ['bzip2', 'BZh91AY&SY', 'bzip2 -dc'],
  ['xz', '\xfd7zXZ\0\0\x04', 'xz -dc'],
  ['lz4', '\x04\x22\x4d\x18', 'lz4 -dc'],
])('%s is refused with the command that decompresses it', async (name, bytes, command) => {
  const path = file('foreign', Buffer.from(bytes, 'latin1'))
  const error = await failure(path)
  expect(error.message).toContain(`compressed with ${name}`)
  expect(error.message).toContain(`"${command} ${path}"`)
  expect(withAdvice(error.message, error.detail)).toContain(`${command} ${path} | virnucpro predict`)
  expect(error.reason).toBe('unsupported_compression')
})

test('what is inside the compression is checked as well', async () => {
  expect((await failure(file('empty.gz', gzipSync('')), { onInvalid: 'fail' })).reason).toBe('empty_file')
  expect((await failure(file('twice.gz', gzipSync(gzipSync(TEXT))))).message).toContain('gzip -dc')
  expect((await failure(file('x.cram.gz', bgzip(Buffer.from('CRAM\x03\0\0\0'))))).message).toContain(
    'samtools fasta',
  )
})

test('leaving the loop early ends quietly', async () => {
  const path = file(
    'early.gz',
    gzipSync(
      Buffer.concat(
        Array.from({ length: 50 }, (_, i) => Buffer.from(TEXT.toString().replaceAll('>r', `>f${i}_`))),
      ),
    ),
  )
  const { readSequences } = await import('../../../src/fasta/index.ts')
  for await (const batch of readSequences([path], { batchBases: 100, readBytes: 64 } as object)) {
    expect(batch.length).toBeGreaterThan(0)
    break
  }
})
