// Files get cut off, overwritten and mixed up. Every such file is a named error or reads exactly as before.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { deflateRawSync } from 'node:zlib'
import {
  decodeDnabert,
  decodeEsm,
  decodeMerged,
  encodeDnabertFile,
  encodeEsmFile,
  encodeMergedFile,
  openTorchFile,
  readTorchFile,
  TorchFileError,
} from '../../../src/torchfile/index.ts'
import { randomNumbers, rejection, temporaryDirectory } from './fixtures.ts'

const ids = ['first_chunk_1F1', 'second_chunk_1R3', 'third']
const rows = Float32Array.from({ length: 12 }, (_, i) => Math.fround(Math.sin(i + 1)))
const table = { ids, rows, dim: 4 }
const kinds = [
  { kind: 'dnabert', encode: encodeDnabertFile, decode: decodeDnabert },
  { kind: 'esm', encode: encodeEsmFile, decode: decodeEsm },
  { kind: 'merged', encode: encodeMergedFile, decode: decodeMerged },
] as const

let directory = ''
beforeAll(async () => {
  directory = await temporaryDirectory()
})
afterAll(() => rm(directory, { recursive: true }))

/** `error` for a named error, `same` for equal content; anything else fails the test. */
async function outcome(
  bytes: Uint8Array,
  decode: (typeof kinds)[number]['decode'],
): Promise<'error' | 'same'> {
  try {
    const got = await decode(await readTorchFile(bytes, { name: 'mutant.pt' }))
    expect({ ids: got.ids, rows: [...got.rows], dim: got.dim }).toEqual({ ids, rows: [...rows], dim: 4 })
    return 'same'
  } catch (error) {
    if (error instanceof TorchFileError) return 'error'
    throw error
  }
}

test.each(kinds)('$kind: cut anywhere, it is a named error', async ({ encode, decode }) => {
  const bytes = await encode(table, { archiveName: 'cut' })
  for (let length = 0; length < bytes.length; length++)
    expect(await outcome(bytes.subarray(0, length), decode)).toBe('error')
})

test.each(kinds)('$kind: changed bytes are noticed or without effect', async ({ encode, decode }) => {
  const bytes = await encode(table, { archiveName: 'flip' })
  const random = randomNumbers(20251122)
  const seen = { error: 0, same: 0 }
  // Every byte once with one bit, then combinations that a single check could miss.
  for (let at = 0; at < bytes.length; at++) {
    const mutant = bytes.slice()
    mutant[at]! ^= 1 << random(8)
    seen[await outcome(mutant, decode)]++
  }
  for (let round = 0; round < 1500; round++) {
    const mutant = bytes.slice()
    const changes = 1 + random(6)
    for (let i = 0; i < changes; i++) mutant[random(mutant.length)] = random(256)
    if (random(4) === 0)
      mutant.copyWithin(random(mutant.length), random(mutant.length), random(mutant.length))
    seen[await outcome(mutant, decode)]++
  }
  // Padding and unused header fields carry no data; everything else must be caught.
  expect(seen.error).toBeGreaterThan(1000)
  expect(seen.same).toBeGreaterThan(0)
})

test('every single changed byte of ids and values is caught', async () => {
  const bytes = await encodeMergedFile(table, { archiveName: 'data' })
  const text = Buffer.from(bytes).toString('latin1')
  const start = text.indexOf('\x80\x02')
  for (let at = start; at < start + 300; at++) {
    const mutant = bytes.slice()
    mutant[at]! ^= 0x10
    if (at < text.indexOf('PK\x07\x08')) expect(await outcome(mutant, decodeMerged)).toBe('error')
  }
})

test('an open file notices damage in a tensor when it is read or verified', async () => {
  const bytes = await encodeEsmFile(table, { archiveName: 'x' })
  const at = Buffer.from(bytes).lastIndexOf(Buffer.from(rows.buffer, 32, 16))
  const path = join(directory, 'damaged.pt')
  bytes[at + 5]! ^= 1
  await writeFile(path, bytes)
  const file = await openTorchFile(path)
  expect(String(await rejection(decodeEsm(file)))).toContain('checksum of member x/data/2')
  expect(String(await rejection(file.verify()))).toContain('checksum of member x/data/2')
  await file.close()
})

test('a local header, descriptor or end record that contradicts the directory is refused', async () => {
  const bytes = await encodeEsmFile(table, { archiveName: 'x' })
  const text = Buffer.from(bytes).toString('latin1')
  const places: [string, number, string][] = [
    ['name', text.indexOf('x/data/1') + 7, 'header of member x/data/1'],
    ['method', text.indexOf('x/data/1') - 22, 'header of member x/data/1'],
    ['descriptor', text.indexOf('PK\x07\x08') + 5, 'data descriptor of member x/data.pkl'],
    ['count', text.lastIndexOf('PK\x05\x06') + 10, 'end records disagree'],
    ['directory name', text.lastIndexOf('x/data/1') + 7, 'x/data/'],
  ]
  for (const [what, at, words] of places) {
    const mutant = bytes.slice()
    mutant[at]! ^= 2
    expect([what, String(await rejection(readTorchFile(mutant)))]).toEqual([
      what,
      expect.stringContaining(words),
    ])
  }
})

test('what is wrong is said in words', async () => {
  const wanted: [string, Uint8Array | string, string][] = [
    ['empty.pt', '', '0 bytes'],
    ['lfs.pt', 'version https://git-lfs.github.com/spec/v1\noid sha256:00\n', 'Git LFS pointer'],
    ['page.pt', '<!DOCTYPE html><html>404</html>', 'web page'],
    ['text.pt', 'hello\n', 'not a file of torch.save'],
    ['sequence.pt', '>seq1\nACGT\n', 'FASTA'],
    ['json.pt', '{"a": 1}', 'JSON'],
    ['plain.pkl', Buffer.from('\x80\x02}.', 'latin1'), 'is a pickle but not one of torch.save'],
    ['gzip.pt', Bun.gzipSync('x'), 'gzip'],
  ]
  for (const [name, content, words] of wanted) {
    const path = join(directory, name)
    await writeFile(path, content)
    const error = await rejection(openTorchFile(path))
    expect(error).toBeInstanceOf(TorchFileError)
    expect(String(error)).toContain(words)
    expect(String(error)).toContain(path)
  }
  expect(String(await rejection(openTorchFile(join(directory, 'none.pt'))))).toContain('cannot be opened')
  expect(String(await rejection(openTorchFile(directory)))).toContain('not a regular file')
})

/** A zip file of deflated members with chosen sizes in its directory. */
function deflatedZip(members: [string, Uint8Array][], claim?: number): Uint8Array {
  const parts: Uint8Array[] = []
  const central: Uint8Array[] = []
  let offset = 0
  for (const [name, content] of members) {
    const packed = deflateRawSync(content)
    const header = Buffer.alloc(30)
    header.writeUInt32LE(0x04034b50, 0)
    header.writeUInt16LE(8, 8)
    header.writeUInt32LE(Bun.hash.crc32(content), 14)
    header.writeUInt16LE(name.length, 26)
    const entry = Buffer.alloc(46)
    entry.writeUInt32LE(0x02014b50, 0)
    entry.writeUInt16LE(8, 10)
    entry.writeUInt32LE(Bun.hash.crc32(content), 16)
    entry.writeUInt32LE(packed.length, 20)
    entry.writeUInt32LE(claim ?? content.length, 24)
    entry.writeUInt16LE(name.length, 28)
    entry.writeUInt32LE(offset, 42)
    central.push(entry, Buffer.from(name))
    parts.push(header, Buffer.from(name), packed)
    offset += 30 + name.length + packed.length
  }
  const directory = Buffer.concat(central)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(members.length, 10)
  end.writeUInt32LE(directory.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...parts, directory, end])
}

test('compressed members are read within bounds', async () => {
  const pickle = Buffer.from('\x80\x02]q\x00(K\x01K\x02e.', 'latin1')
  const file = await readTorchFile(deflatedZip([['a/data.pkl', pickle]]))
  expect(file.root).toEqual([1, 2])
  const bomb = new Uint8Array(50_000_000)
  // Inflating stops at the claimed size, and an absurd claim is not even tried.
  const small = await rejection(readTorchFile(deflatedZip([['a/data.pkl', bomb]], 10)))
  expect(String(small)).toContain('does not decompress')
  const large = await rejection(readTorchFile(deflatedZip([['a/data.pkl', bomb]], 2 ** 31)))
  expect(String(large)).toContain('2147483648 bytes')
})

test('members of another archive, or twice the same, are refused', async () => {
  const pickle = Buffer.from('\x80\x02N.', 'latin1')
  const mixed = deflatedZip([
    ['a/data.pkl', pickle],
    ['b/version', pickle],
  ])
  expect(String(await rejection(readTorchFile(mixed)))).toContain('b/version does not belong')
  const twice = deflatedZip([
    ['a/data.pkl', pickle],
    ['a/data.pkl', pickle],
  ])
  expect(String(await rejection(readTorchFile(twice)))).toContain('twice')
  const order = deflatedZip([
    ['a/data.pkl', pickle],
    ['a/byteorder', Buffer.from('big')],
  ])
  expect(String(await rejection(readTorchFile(order)))).toContain('byte order is big')
  expect(String(await rejection(readTorchFile(deflatedZip([['a/b.txt', pickle]]))))).toContain('no data.pkl')
})

test('a file that shrinks while open is a named error', async () => {
  const path = join(directory, 'shrinks.pt')
  await writeFile(path, await encodeEsmFile(table, { archiveName: 'x' }))
  const file = await openTorchFile(path)
  await truncate(path, 500)
  expect(await rejection(decodeEsm(file))).toBeInstanceOf(TorchFileError)
  await file.close()
})

test('the strict check takes the date of any version of torch, if all members have it', async () => {
  const bytes = await encodeEsmFile(table, { archiveName: 'x' })
  const text = Buffer.from(bytes).toString('latin1')
  const placesOf = (signature: string, field: number) => {
    const found: number[] = []
    for (let at = text.indexOf(signature); at >= 0; at = text.indexOf(signature, at + 1))
      found.push(at + field)
    return found
  }
  const dates = [...placesOf('PK\x03\x04', 12), ...placesOf('PK\x01\x02', 14)]
  for (const at of dates) bytes[at] = 0x21
  const open = async () => {
    await writeFile(join(directory, 'dated.pt'), bytes)
    const file = await openTorchFile(join(directory, 'dated.pt'), { strict: true })
    const found = await decodeEsm(file)
    await file.close()
    return found.ids
  }
  expect(await open()).toEqual(ids)
  bytes[dates[1]!] = 0x22
  expect(String(await rejection(open()))).toContain('not as torch writes it')
})
