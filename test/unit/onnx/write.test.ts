import { describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fromBinary } from '@bufbuild/protobuf'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import {
  DataType,
  GraphBuilder,
  toBfloat16,
  weightBytes,
  writeModel,
  writeTemporary,
} from '../../../src/onnx/index.ts'
import { ModelProtoSchema } from '../../../src/onnx/onnx_pb.ts'

const producer = { name: 'test', version: '0' }

function temporaryFolder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'virnucpro-onnx-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** y = relu(x A + B) * 2, the weights given in pieces. */
function sample(a = [1, 2, 3, 4, 5, 6]): GraphBuilder {
  const b = new GraphBuilder('sample')
  const x = b.input('x', DataType.float, ['N', 3])
  const matrix = b.weight('A', DataType.float, [3, 2], function* () {
    yield Float32Array.from(a.slice(0, 4))
    yield Float32Array.from(a.slice(4))
  })
  const bias = b.weight('B', DataType.float, [2], async function* () {
    yield Float32Array.of(-100, 1)
  })
  const sum = b.scoped('inner', () => b.node('Add', [b.node('MatMul', [x, matrix]), bias]))
  b.output(b.node('Mul', [b.node('Relu', [sum]), b.floats([2], [])], {}, 'y'), DataType.float, ['N', 2])
  return b
}

describe('writing a model', () => {
  test.each([false, true])('that ONNX Runtime runs, weights inline: %p', async (inline) => {
    using folder = temporaryFolder()
    const written = await writeModel(sample(), { folder: folder.path, inline, producer })
    expect(written.weights === undefined).toBe(inline)
    const session = await InferenceSession.create(join(folder.path, 'model.onnx'))
    const { y } = await session.run({
      x: new Tensor('float32', Float32Array.of(1, 1, 1, 20, 20, 20), [2, 3]),
    })
    expect([...(y!.data as Float32Array)]).toEqual([0, 26, 160, 482])
  })

  test('weights lie on page boundaries, and sizes and checksums are those of the files', async () => {
    using folder = temporaryFolder()
    const { graph, weights } = await writeModel(sample(), { folder: folder.path, producer })
    const bytes = readFileSync(join(folder.path, 'weights.bin'))
    expect(weights).toMatchObject({ bytes: bytes.length, sha256: Bun.SHA256.hash(bytes, 'hex') })
    expect(weightBytes(sample())).toBe(bytes.length)
    const model = readFileSync(join(folder.path, 'model.onnx'))
    expect(graph).toMatchObject({ bytes: model.length, sha256: Bun.SHA256.hash(model, 'hex') })

    const stored = fromBinary(ModelProtoSchema, model).graph!.initializer.filter(
      ({ dataLocation }) => dataLocation === 1,
    )
    expect(stored.map(({ name }) => name)).toEqual(['A', 'B'])
    const offsets = stored.map(({ externalData }) =>
      Number(externalData.find(({ key }) => key === 'offset')!.value),
    )
    expect(offsets).toEqual([0, 4096])
    expect(bytes.readFloatLE(4096)).toBe(-100)
  })

  test('a graph that is soon gone is the same files', async () => {
    using one = temporaryFolder()
    using two = temporaryFolder()
    await writeModel(sample(), { folder: one.path, producer })
    await writeTemporary(sample(), { folder: two.path, producer })
    for (const file of ['model.onnx', 'weights.bin'])
      expect(readFileSync(join(two.path, file))).toEqual(readFileSync(join(one.path, file)))
  })

  test('graphs that are soon gone share weights in a folder, which are read once', async () => {
    using folder = temporaryFolder()
    let reads = 0
    /** y = x A + x S, or with x S alone. */
    const graph = (withOwn: boolean) => {
      const b = new GraphBuilder('sharing')
      const x = b.input('x', DataType.float, ['N', 1])
      const product = (matrix: string) => b.node('MatMul', [x, matrix])
      const weight = (name: string, value: number, isShared: boolean) =>
        b.weight(
          name,
          DataType.float,
          [1, 1],
          function* () {
            reads++
            yield Float32Array.of(value)
          },
          { isShared },
        )
      const own = withOwn ? [product(weight('A', 100, false))] : []
      const all = [...own, product(weight('S', 3, true))]
      b.output(b.node('Sum', all, {}, 'y'), DataType.float, ['N', 1])
      return b
    }
    const of = async (file: string) => {
      const session = await InferenceSession.create(join(folder.path, file))
      const { y } = await session.run({ x: new Tensor('float32', Float32Array.of(2), [1, 1]) })
      return (y!.data as Float32Array)[0]
    }
    const place = { folder: folder.path, producer }
    await writeTemporary(graph(true), place)
    expect([await of('model.onnx'), reads]).toEqual([206, 2])
    await writeTemporary(graph(true), { ...place, graph: 'again.onnx', isWritten: true })
    await writeTemporary(graph(false), { ...place, graph: 'other.onnx', weights: 'other.bin' })
    expect([await of('again.onnx'), await of('other.onnx'), reads]).toEqual([206, 6, 2])
  })

  test.each([true, false])(
    'a source may write the next piece into the same memory, inline: %p',
    async (inline) => {
      using folder = temporaryFolder()
      const b = new GraphBuilder('again')
      const x = b.input('x', DataType.float, ['N', 3])
      const matrix = b.weight('A', DataType.float, [3, 1], async function* () {
        const piece = new Float32Array(1)
        for (const value of [1, 10, 100]) {
          piece[0] = value
          yield piece
        }
      })
      b.output(b.node('MatMul', [x, matrix], {}, 'y'), DataType.float, ['N', 1])
      await writeModel(b, { folder: folder.path, inline, producer })
      const session = await InferenceSession.create(join(folder.path, 'model.onnx'))
      const { y } = await session.run({ x: new Tensor('float32', Float32Array.of(1, 2, 3), [1, 3]) })
      expect([...(y!.data as Float32Array)]).toEqual([321])
    },
  )

  test('the same calls give the same bytes', async () => {
    using one = temporaryFolder()
    using two = temporaryFolder()
    const first = await writeModel(sample(), { folder: one.path, producer })
    expect(await writeModel(sample(), { folder: two.path, producer })).toEqual(first)
  })

  test.each([[[1, 2, 3, 4, 5]], [[1, 2, 3, 4, 5, 6, 7]]])(
    'a weight of %p for [3,2] is an error',
    async (values) => {
      using folder = temporaryFolder()
      const writing = writeModel(sample(values), { folder: folder.path, producer })
      await expect(writing).rejects.toThrow('A: ')
      await expect(writing).rejects.toBeInstanceOf(RangeError)
    },
  )

  test('names are unique', () => {
    const b = sample()
    expect(() => b.input('x', DataType.float, [1])).toThrow('named x')
    expect(() => b.floats([1, 2], [3])).toThrow('[3]')
  })
})

test('bfloat16 rounds to nearest, ties to even', () => {
  const cases: [number, number][] = [
    [1, 0x3f80],
    [-2.5, 0xc020],
    [1 + 2 ** -8, 0x3f80], // tie, down to even
    [1 + 3 * 2 ** -8, 0x3f82], // tie, up to even
    [1 + 2 ** -8 + 2 ** -20, 0x3f81],
    [3.4e38, 0x7f80], // beyond the largest
    [Number.POSITIVE_INFINITY, 0x7f80],
    [0, 0],
    [-0, 0x8000],
  ]
  for (const [value, bits] of cases) expect(toBfloat16(Float32Array.of(value))[0]).toBe(bits)
  const nan = new Uint32Array([0x7fffffff, 0xff800001])
  for (const bits of toBfloat16(new Float32Array(nan.buffer))) expect(bits & 0x7fff).toBeGreaterThan(0x7f80)
})
