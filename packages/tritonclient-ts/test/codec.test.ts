import { describe, expect, test } from 'bun:test'
import { create, fromBinary } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { decodeContents, decodeTensor, encodeTensor, packBytes, texts, unpackBytes } from '../src/codec.ts'
import {
  bfloat16Bits,
  type Datatype,
  float16Bits,
  fromBfloat16Bits,
  fromFloat16Bits,
  type InputData,
  ITEM_BYTES,
} from '../src/index.ts'
import { InferTensorContentsSchema, ModelInferRequestSchema } from '../src/proto/service_pb.ts'
import { encodeRequest } from '../src/request.ts'

/** Elements of each datatype that has a typed array of its own. */
const ELEMENTS = {
  UINT8: fc.uint8Array(),
  UINT16: fc.uint16Array(),
  UINT32: fc.uint32Array(),
  UINT64: fc.bigUint64Array(),
  INT8: fc.int8Array(),
  INT16: fc.int16Array(),
  INT32: fc.int32Array(),
  INT64: fc.bigInt64Array(),
  FP32: fc.float32Array(),
  FP64: fc.float64Array(),
} as const

/** The same bytes at some offset into a larger buffer, as they lie in a message. */
function shifted(bytes: Uint8Array, offset: number): Uint8Array {
  const buffer = new Uint8Array(bytes.length + offset + 3).fill(0xee)
  buffer.set(bytes, offset)
  return buffer.subarray(offset, offset + bytes.length)
}

describe('elements come back as they were, wherever in a message they lie', () => {
  for (const [datatype, elements] of Object.entries(ELEMENTS) as [
    keyof typeof ELEMENTS,
    fc.Arbitrary<never>,
  ][])
    test(datatype, () => {
      fc.assert(
        fc.property(elements, fc.nat(16), (data: InputData[typeof datatype], offset) => {
          const raw = encodeTensor('x', datatype, [1, data.length], data)
          expect(raw.length).toBe(data.length * ITEM_BYTES[datatype])
          const back = decodeTensor(datatype, data.length, shifted(raw, offset))
          expect(back).toStrictEqual(data as typeof back)
        }),
      )
    })

  test('BYTES', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), fc.nat(7), (data, offset) => {
        const raw = encodeTensor('x', 'BYTES', [data.length], data)
        expect(decodeTensor('BYTES', data.length, shifted(raw, offset))).toStrictEqual(data)
      }),
    )
  })

  test('text in BYTES', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' })), (words) => {
        const elements = unpackBytes(packBytes(words), words.length)
        expect(texts(elements ?? [])).toEqual(words)
      }),
    )
    expect(() => texts([new Uint8Array([0xff])])).toThrow(TypeError)
  })

  test('BOOL', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean()), (data) => {
        const raw = encodeTensor('x', 'BOOL', [data.length], data)
        expect(decodeTensor('BOOL', data.length, raw)).toStrictEqual(Uint8Array.from(data, Number))
      }),
    )
  })

  test('aligned elements are not copied', () => {
    const raw = encodeTensor('x', 'FP32', [2], new Float32Array([1, 2]))
    const back = decodeTensor('FP32', 2, raw) as Float32Array
    expect(back.buffer).toBe(raw.buffer)
  })
})

describe('bytes that do not fit the shape are an error', () => {
  test('of fixed size', () => {
    for (const datatype of Object.keys(ITEM_BYTES) as Datatype[]) {
      const size = ITEM_BYTES[datatype]
      if (size === 0) continue
      for (const length of [0, 4 * size - 1, 4 * size + 1])
        expect(() => decodeTensor(datatype, 4, new Uint8Array(length))).toThrow(
          `${length} bytes where its shape needs`,
        )
    }
    expect(() => decodeTensor('FP32', 4, new Uint8Array(0))).toThrow('NumPy 2')
  })

  test('BYTES: any cut, any surplus, any other count', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array(), { minLength: 1 }), fc.nat(), (data, at) => {
        const raw = packBytes(data)
        const cut = raw.subarray(0, at % raw.length)
        expect(() => decodeTensor('BYTES', data.length, cut)).toThrow('BYTES elements')
        expect(() => decodeTensor('BYTES', data.length - 1, raw)).toThrow('BYTES elements')
        expect(() => decodeTensor('BYTES', data.length + 1, raw)).toThrow('BYTES elements')
      }),
    )
    expect(() => decodeTensor('BYTES', 1, new Uint8Array([0xff, 0xff, 0xff, 0xff, 1]))).toThrow(
      'BYTES elements',
    )
  })
})

describe('16-bit floats', () => {
  const every = Uint16Array.from({ length: 0x10000 }, (_, i) => i)

  test('binary16: all 65,536 values widen as those of the engine', () => {
    expect(Array.from(fromFloat16Bits(every))).toEqual(Array.from(new Float16Array(every.buffer)))
  })

  test('binary16: rounds to nearest, ties to even, as the engine does', () => {
    const check = (values: Float32Array) => {
      // The bits of a NaN are not fixed; that it is one is.
      const back = Array.from(fromFloat16Bits(float16Bits(values)))
      expect(back).toEqual(Array.from(Float16Array.from(values)))
    }
    fc.assert(fc.property(fc.float32Array(), check))
    // Every value, every midpoint between neighbours, and what lies right beside those.
    const values = fromFloat16Bits(every).filter(Number.isFinite)
    const near = Array.from(values, (value, i) => {
      const middle = Math.fround((value + (values[i + 1] ?? value)) / 2)
      const step = Math.max(Math.abs(middle) * 2 ** -23, 2 ** -149)
      return [value, middle, middle - step, middle + step]
    })
    check(
      new Float32Array([...near.flat(), 65_519.996, 65_520, -65_520, 2 ** -25, 2 ** -25 * 1.0001, 1e-45, -0]),
    )
  })

  test('bfloat16: rounds to nearest, ties to even', () => {
    const nearest = (value: number): number => {
      const [bits = 0] = new Uint32Array(new Float32Array([value]).buffer)
      const float = (u: number) => new Float32Array(new Uint32Array([u]).buffer)[0]!
      const low = (bits >>> 16) << 16
      const below = float(low >>> 0)
      const above = float((low + 0x10000) >>> 0)
      // The step above the largest finite value counts as finite here: that is where infinity begins.
      const distance = (other: number) =>
        Math.abs(value - (Number.isFinite(other) ? other : Math.sign(other) * 2 ** 128))
      if (distance(below) !== distance(above)) return distance(below) < distance(above) ? below : above
      return (low >>> 16) % 2 === 0 ? below : above
    }
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(fromBfloat16Bits(bfloat16Bits(new Float32Array([value])))[0]).toBe(nearest(value))
      }),
      { numRuns: 1000 },
    )
    // Every midpoint between neighbours goes to the even one.
    const low = every.filter((bits) => (bits & 0x7fff) < 0x7f80)
    const middles = new Float32Array(Uint32Array.from(low, (bits) => bits * 0x10000 + 0x8000).buffer)
    expect(bfloat16Bits(middles)).toEqual(low.map((bits) => bits + (bits & 1)))
    const special = new Float32Array([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0])
    expect(Array.from(fromBfloat16Bits(bfloat16Bits(special)))).toEqual(Array.from(special))
    const signalling = new Float32Array(new Uint32Array([0x7f800001, 0xffffffff]).buffer)
    expect(Array.from(fromBfloat16Bits(bfloat16Bits(signalling)))).toEqual([Number.NaN, Number.NaN])
  })

  test('bfloat16: all 65,536 values survive both ways', () => {
    const numbers = every.filter((bits) => (bits & 0x7fff) <= 0x7f80)
    expect(bfloat16Bits(fromBfloat16Bits(numbers))).toEqual(numbers)
  })

  test('bits are sent as they are', () => {
    const bits = new Uint16Array([0x3f80, 0x7fff])
    for (const datatype of ['FP16', 'BF16'] as const)
      expect(encodeTensor('x', datatype, [2], bits)).toEqual(new Uint8Array(bits.buffer))
  })
})

test('elements sent one by one are read for every datatype that may come so', () => {
  const contents = create(InferTensorContentsSchema, {
    boolContents: [true, false],
    intContents: [-1, 7],
    int64Contents: [-1n, 7n],
    uintContents: [1, 7],
    uint64Contents: [1n, 7n],
    fp32Contents: [1.5, -2],
    fp64Contents: [0.1, -2],
    bytesContents: [new Uint8Array([1]), new Uint8Array(0)],
  })
  for (const datatype of Object.keys(ITEM_BYTES) as Datatype[]) {
    if (datatype === 'FP16' || datatype === 'BF16') {
      expect(() => decodeContents(datatype, 2, contents)).toThrow('only come as raw bytes')
      continue
    }
    expect(decodeContents(datatype, 2, contents)).toHaveLength(2)
    expect(() => decodeContents(datatype, 3, contents)).toThrow('2 elements where its shape needs 3')
  }
  expect(decodeContents('INT8', 2, contents)).toEqual(new Int8Array([-1, 7]))
  expect(decodeContents('BOOL', 2, contents)).toEqual(new Uint8Array([1, 0]))
})

test('a request is a well-formed message with every tensor in its place', () => {
  const sizes = fc.array(fc.constantFrom(0, 1, 127, 128, 129, 16_383, 16_384, 2_100_000), { maxLength: 4 })
  fc.assert(
    fc.property(sizes, fc.string(), (lengths, id) => {
      const inputs = lengths.map((length, i) => ({
        name: `in${i}`,
        datatype: 'UINT8' as const,
        shape: [length],
        data: new Uint8Array(length).fill(i + 1),
      }))
      const shared = { region: 'r', byteSize: 4, offset: 8 }
      const bytes = encodeRequest({
        model: 'm',
        id,
        inputs: [{ name: 's', datatype: 'FP32', shape: [1], sharedMemory: shared }, ...inputs],
        outputs: ['a', { name: 'b', classes: 3 }],
        parameters: { a: 1, b: 1.5, c: 'x', d: true, e: 2n ** 64n - 1n },
      })
      const message = fromBinary(ModelInferRequestSchema, bytes)
      expect(message.id).toBe(id)
      expect(message.inputs.map(({ name, shape }) => [name, shape])).toEqual([
        ['s', [1n]],
        ...inputs.map(({ name, shape }) => [name, shape.map(BigInt)] as [string, bigint[]]),
      ])
      expect(message.rawInputContents.map((raw) => Buffer.from(raw))).toEqual(
        inputs.map(({ data }) => Buffer.from(data)),
      )
      expect(message.inputs[0]?.parameters.shared_memory_offset?.parameterChoice).toEqual({
        case: 'int64Param',
        value: 8n,
      })
      expect(Object.values(message.parameters).map(({ parameterChoice }) => parameterChoice.case)).toEqual([
        'int64Param',
        'doubleParam',
        'stringParam',
        'boolParam',
        'uint64Param',
      ])
    }),
    { numRuns: 30 },
  )
})
