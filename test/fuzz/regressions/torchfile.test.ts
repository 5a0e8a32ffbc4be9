// Inputs that the targets `pickle` and `zip` have found, as small as they get.
import { expect, test } from 'bun:test'
import { decodeDnabert, readTorchFile, TorchFileError } from '../../../src/torchfile/index.ts'
import { TorchZipWriter } from '../../../src/torchfile/zip-writer.ts'
import { rejection } from '../../integration/torchfile/fixtures.ts'

async function zipOf(pickle: string, storage?: Uint8Array): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  const zip = new TorchZipWriter('x', (chunk) => void chunks.push(chunk.slice()))
  await zip.member('data.pkl', [Buffer.from(pickle, 'latin1')])
  if (storage !== undefined) await zip.member('data/0', [storage])
  await zip.member('version', [Buffer.from('3\n')])
  await zip.finish()
  return Buffer.concat(chunks)
}

const text = (value: string) => `X${String.fromCharCode(value.length, 0, 0, 0)}${value}`

test.each([
  ['a float beyond all floats, which Python refuses', '(lF1e999\na.', 'a float that is too large'],
  ['a number with a leading zero, which is octal for Python', '(lI010\na.', 'an integer written'],
  ['a zero with a sign, which is false for Python', '(lI-0\na.', 'an integer written'],
  ['a frame that is longer than the pickle', '\x80\x04\x95\xff\0\0\0\0\0\0\0N.', 'truncated'],
  ['a frame that ends inside a number', '\x80\x04\x95\x02\0\0\0\0\0\0\0J\0\0\0\0.', 'its frame'],
  ['a frame that goes on behind the end', '\x80\x04\x95\x04\0\0\0\0\0\0\0N.N.', 'frame that goes on'],
  ['a set of lists', '\x80\x04\x8f(]\x90.', 'unhashable'],
  ['a member for a frozen set', '\x80\x04(\x91(K\x01\x90.', 'not a set'],
  ['a set of two arguments', '\x80\x02cbuiltins\nset\n)]\x86R.', '2 arguments'],
  ['a pair of three', '\x80\x02ccollections\nOrderedDict\n((K\x01K\x02K\x03tl\x85R.', 'damaged'],
  ['a negative entry of the memo', '(lp-1\n.', 'memo entry -1'],
])('a pickle with %s is refused', async (_, pickle, words) => {
  const error = await rejection(readTorchFile(await zipOf(pickle)))
  expect(error).toBeInstanceOf(TorchFileError)
  expect(String(error)).toContain(words)
})

test('a tensor without strides, which torch does not build, is refused', async () => {
  const storage = `(${text('storage')}ctorch\nFloatStorage\n${text('0')}${text('cpu')}K\x06tQ`
  const tensor = (strides: string) =>
    `\x80\x02ctorch._utils\n_rebuild_tensor\n(${storage}K\0K\x06\x85${strides}tR.`
  const found = await readTorchFile(await zipOf(tensor('K\x01\x85'), new Uint8Array(24)))
  expect(found).toBeDefined()
  const error = await rejection(readTorchFile(await zipOf(tensor(''), new Uint8Array(24))))
  expect(String(error)).toContain('strides that are no tuple')
})

/** A list of two lists, each the one before, so often that no memory holds it as text. */
const lists = `]q\0${Array.from({ length: 60 }, (_, i) => `0](h${String.fromCharCode(i)}h${String.fromCharCode(i)}eq${String.fromCharCode(i + 1)}`).join('')}`

test('a few bytes that stand for lists without end are not written into a message', async () => {
  const label = `\x80\x02}(${text('nucleotide')}](${text('a')}e${text('data')}](}(${text('label')}${lists}${text('mean_representation')}]ueu.`
  const file = await readTorchFile(await zipOf(label))
  expect(String(await rejection(decodeDnabert(file)))).toContain('is labelled a list, expected a')
  const type = `\x80\x02cnumpy\ndtype\n${lists}\x85R.`
  expect(String(await rejection(readTorchFile(await zipOf(type))))).toContain('numpy element type a list')
})

test('a name of a megabyte does not fill a terminal', async () => {
  const error = await rejection(readTorchFile(await zipOf(`\x80\x02cm\n${'x'.repeat(1_000_000)}\n.`)))
  expect(String(error).length).toBeLessThan(1000)
})

test('bytes between the members and the end of a zip file, which belong to nothing, are refused', async () => {
  const bytes = Buffer.from(await zipOf('\x80\x02N.'))
  const end64 = bytes.indexOf('PK\x06\x06', 0, 'latin1')
  const gap = Buffer.concat([bytes.subarray(0, end64), Buffer.alloc(4), bytes.subarray(end64)])
  // The locator of zip64 points to its record.
  const locator = gap.indexOf('PK\x06\x07', 0, 'latin1')
  gap.writeBigUInt64LE(BigInt(end64 + 4), locator + 8)
  expect(String(await rejection(readTorchFile(gap)))).toContain('out of place')
})
