import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  encodeTorchZip,
  openSafetensors,
  openSafetensorsIndex,
  openTorchIndex,
  SafetensorsError,
  TensorData,
  TorchFileError,
  type Writable,
} from '../../../src/torchfile/index.ts'
import { randomNumbers, rejection, temporaryDirectory } from './fixtures.ts'

let directory = ''
beforeAll(async () => {
  directory = await temporaryDirectory()
})
afterAll(() => rm(directory, { recursive: true }))

interface Described {
  dtype: string
  shape: number[]
  data_offsets: number[]
}

function safetensors(header: Record<string, Described | object> | string, data: Uint8Array): Uint8Array {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([length, json, data])
}

const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer)

async function write(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(directory, name)
  await writeFile(path, bytes)
  return path
}

const good = {
  __metadata__: { format: 'pt' },
  b: { dtype: 'F32', shape: [2, 1], data_offsets: [4, 12] },
  a: { dtype: 'BF16', shape: [2], data_offsets: [0, 4] },
  none: { dtype: 'I64', shape: [0, 3], data_offsets: [12, 12] },
}
const goodData = Buffer.concat([Uint8Array.of(0x80, 0x3f, 0, 0xc0), floats(0.5, 7)])

test('tensors are found by name and widened', async () => {
  const source = await openSafetensors(await write('good.safetensors', safetensors(good, goodData)))
  expect(source.names()).toEqual(['b', 'a', 'none'])
  expect(source.get('b')).toMatchObject({ dtype: 'F32', shape: [2, 1], numel: 2 })
  expect(source.get('missing')).toBeUndefined()
  expect([...(await source.readF32('a'))]).toEqual([1, -2])
  expect([...(await source.readF32('b'))]).toEqual([0.5, 7])
  expect((await source.read('none')).length).toBe(0)
  const chunks: Uint8Array[] = []
  for await (const chunk of source.stream('b', { chunkBytes: 5 })) chunks.push(chunk)
  expect(chunks.map((chunk) => chunk.length)).toEqual([4, 4])
  expect(String(await rejection(source.read('missing')))).toContain('no tensor missing')
  await source.close()
})

const one = (described: object) => safetensors({ a: described }, floats(1, 2))
const wrong: [string, Uint8Array, string][] = [
  ['an empty file', new Uint8Array(0), 'only 0 bytes'],
  [
    'a header beyond the file',
    Buffer.concat([Buffer.from([255, 255, 255, 255, 255, 255, 255, 255]), goodData]),
    'claims a header',
  ],
  ['a header that is not JSON', safetensors('{"a":', floats(1)), 'not JSON'],
  ['a header that is a list', safetensors('[]', floats(1)), 'not a JSON object'],
  ['missing data', safetensors(good, goodData.subarray(0, 8)), 'truncated'],
  ['data too many', safetensors(good, Buffer.concat([goodData, goodData])), 'header describes'],
  ['an unknown type', one({ dtype: 'F8_E4M3', shape: [8], data_offsets: [0, 8] }), 'F8_E4M3'],
  ['a type of the language', one({ dtype: 'constructor', shape: [8], data_offsets: [0, 8] }), 'constructor'],
  [
    'a shape that does not fit',
    one({ dtype: 'F32', shape: [3], data_offsets: [0, 8] }),
    'needs 12 bytes and has 8',
  ],
  ['a negative size', one({ dtype: 'F32', shape: [-1, -2], data_offsets: [0, 8] }), 'impossible shape'],
  [
    'offsets the wrong way round',
    one({ dtype: 'F32', shape: [2], data_offsets: [8, 0] }),
    'data offsets 8 to 0',
  ],
  [
    'an overflowing shape',
    one({ dtype: 'F32', shape: [2 ** 40, 2 ** 40], data_offsets: [0, 8] }),
    'impossible shape',
  ],
  [
    'a gap',
    safetensors({ a: { dtype: 'F32', shape: [1], data_offsets: [4, 8] } }, floats(1, 2)),
    'begins at byte',
  ],
  [
    'an overlap',
    safetensors(
      {
        a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
        b: { dtype: 'F32', shape: [1], data_offsets: [4, 8] },
      },
      floats(1, 2),
    ),
    'begins at byte',
  ],
]

test.each(wrong)('%s is a named error', async (name, bytes, words) => {
  const error = await rejection(openSafetensors(await write(name, bytes)))
  expect(error).toBeInstanceOf(SafetensorsError)
  expect(String(error)).toContain(words)
})

test('damaged headers never give anything but a named error', async () => {
  const bytes = safetensors(good, goodData)
  const random = randomNumbers(3)
  for (let round = 0; round < 400; round++) {
    const mutant = Uint8Array.from(bytes)
    for (let i = 0; i <= random(3); i++) mutant[random(bytes.length - goodData.length)] = random(256)
    try {
      const source = await openSafetensors(await write('mutant', mutant))
      for (const name of source.names()) await source.readF32(name)
      await source.close()
    } catch (error) {
      expect(error).toBeInstanceOf(TorchFileError)
    }
  }
})

async function shards(name: string, weightMap: Record<string, unknown>): Promise<string> {
  const folder = join(directory, name)
  await mkdir(folder)
  const json = JSON.stringify({ metadata: { total_size: 8 }, weight_map: weightMap })
  await writeFile(join(folder, 'model.safetensors.index.json'), json)
  await writeFile(join(folder, 'pytorch_model.bin.index.json'), json)
  for (const [file, tensor, value] of [
    ['1.st', 'x', 1],
    ['2.st', 'y', 2],
  ] as const)
    await writeFile(
      join(folder, file),
      safetensors({ [tensor]: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } }, floats(value)),
    )
  return folder
}

test('a model in several safetensors files', async () => {
  const source = await openSafetensorsIndex(await shards('st', { y: '2.st', x: '1.st' }))
  expect(source.names()).toEqual(['y', 'x'])
  expect([(await source.readF32('x'))[0], (await source.readF32('y'))[0]]).toEqual([1, 2])
  expect(source.get('y')).toMatchObject({ dtype: 'F32', shape: [1] })
  await source.close()
})

test('a model in several PyTorch files', async () => {
  const folder = await shards('pt', { x: 'a.bin', y: 'b.bin' })
  for (const [file, tensor, value] of [
    ['a.bin', 'x', 3],
    ['b.bin', 'y', 4],
  ] as const) {
    const value_ = new TensorData(Float32Array.of(value), [1])
    const bytes = await encodeTorchZip(new Map<Writable, Writable>([[tensor, value_]]), { archiveName: 'a' })
    await writeFile(join(folder, file), bytes)
  }
  const source = await openTorchIndex(folder)
  expect([(await source.readF32('x'))[0], (await source.readF32('y'))[0]]).toEqual([3, 4])
  await source.close()
})

test.each([
  ['outside', { x: '../1.st' }, 'not a file name'],
  ['absolute', { x: '/etc/passwd' }, 'not a file name'],
  ['number', { x: 3 }, 'not a file name'],
  ['moved', { x: '2.st' }, 'has no tensor x'],
  ['absent', { x: '3.st' }, 'cannot be opened'],
])('an index that points %s is refused', async (name, map, words) => {
  const error = await rejection(openSafetensorsIndex(await shards(name, map)))
  expect(error).toBeInstanceOf(TorchFileError)
  expect(String(error)).toContain(words)
})
