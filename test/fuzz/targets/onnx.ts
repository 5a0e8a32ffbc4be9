import { expect } from 'bun:test'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { create, toBinary } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { checkWire } from '../../../packages/tritonclient-ts/src/wire.ts'
import { InferenceError, readGraph, shortenGraph } from '../../../src/onnx/index.ts'
import { type GraphProto, ModelProtoSchema } from '../../../src/onnx/onnx_pb.ts'
import { mutated } from '../mutations.ts'
import { referenceOf } from '../references/programs.ts'
import type { Target } from '../target.ts'

/** Keys and lengths of protobuf: groups that open without end, lengths and numbers that overflow, fields of other kinds. */
const TOKENS = [
  '0b',
  '0b0b0b0b',
  '0c',
  'ffffffffffffffffff01',
  'ffffffff0f',
  '3a8080808008',
  '0a00',
  '2a00',
  '08ffffffffffffffff7f',
  '0880808080808080808001',
  '1200',
  '7a00',
  '42020801',
  '0a0568656c6c6f',
].map((hex) => Buffer.from(hex, 'hex'))

/** A graph with a layer and its weights in another file, as those of the language models are. */
function layered(): Uint8Array {
  const tensorType = { elemType: 1, shape: { dim: [{ value: { case: 'dimParam', value: 'n' } as const }] } }
  const value = (name: string) => ({
    name,
    type: { value: { case: 'tensorType', value: tensorType } as const },
  })
  const external = [
    { key: 'location', value: 'weights.bin' },
    { key: 'offset', value: '4096' },
    { key: 'length', value: '48' },
  ]
  const node = (name: string, input: string[]) => ({ name, opType: 'MatMul', input, output: [`${name}:out`] })
  const model = create(ModelProtoSchema, {
    irVersion: 9n,
    opsetImport: [{ version: 20n }],
    graph: {
      name: 'esm2',
      node: [
        node('layer_1/MatMul', ['ids', 'layer_1/w']),
        node('layer_2/MatMul', ['layer_1/MatMul:out', 'layer_2/w']),
        {
          ...node('out', ['layer_2/MatMul:out', 'one']),
          attribute: [{ name: 'axes', type: 7, ints: [0n, -1n] }],
        },
      ],
      input: [value('ids')],
      output: [value('out:out')],
      initializer: [
        { name: 'one', dataType: 1, dims: [1n], rawData: new Uint8Array([0, 0, 128, 63]) },
        ...[1, 2].map((layer) => ({
          name: `layer_${layer}/w`,
          dataType: 1,
          dims: [4n, 3n],
          dataLocation: 1,
          externalData: external,
        })),
      ],
    },
  })
  return toBinary(ModelProtoSchema, model)
}

const MLP = readFileSync(resolve(import.meta.dir, '../../../examples/demo-bundle/mlp/model.onnx'))
const FILES = [
  { name: 'mlp/model.onnx', bytes: MLP },
  { name: 'layers', bytes: layered() },
]

const hex = (value: string | undefined) => Buffer.from(value ?? '').toString('hex')
const all = (values: readonly string[]) => values.map(hex).join(',')

function shown(graph: GraphProto): string {
  const lines = [`graph ${hex(graph.name)}`]
  for (const { opType, domain, name, input, output, attribute } of graph.node) {
    const attributes = attribute.map((each) => `${hex(each.name)}=${each.type}:[${each.ints}]`).join(';')
    lines.push(`node ${hex(opType)} ${hex(domain)} ${hex(name)} ${all(input)} ${all(output)} ${attributes}`)
  }
  for (const { name, type } of [...graph.input, ...graph.output])
    lines.push(`value ${hex(name)} ${type?.value.case === 'tensorType' ? type.value.value.elemType : 0}`)
  for (const { name, dataType, dims, rawData, dataLocation } of graph.initializer) {
    const digest = new Bun.CryptoHasher('sha256').update(rawData ?? new Uint8Array()).digest('hex')
    lines.push(`tensor ${hex(name)} ${dataType} ${dims.join(',')} ${dataLocation ?? 0} ${digest}`)
  }
  return lines.join('\n')
}

function unless<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    if (error instanceof InferenceError) return undefined
    throw error
  }
}

function isWire(bytes: Uint8Array): boolean {
  try {
    checkWire(ModelProtoSchema, bytes)
    return true
  } catch {
    return false
  }
}

export const target: Target = {
  name: 'onnx',
  about:
    'graphs of a bundle, damaged: the nodes, values and constants that the onnx package reads, or an InferenceError; a graph to measure with, or an InferenceError',
  weight: 1,
  property() {
    const reference = referenceOf('graphs.py')
    return fc.asyncProperty(mutated(FILES, { tokens: TOKENS, mostBytes: 2 ** 15 }), async ({ bytes }) => {
      unless(() => shortenGraph(bytes, 1))
      // Fields of another wire type are read otherwise by @bufbuild/protobuf; ONNX Runtime, which computes, knows them.
      if (!isWire(bytes)) return
      const graph = unless(() => readGraph(bytes, 'mutant').toProto([]))
      const wanted = graph === undefined ? '' : await reference(bytes)
      // The package also looks at fields that graphs of ours do not have; ONNX Runtime refuses such a file.
      if (graph !== undefined && !wanted.startsWith('error')) expect(shown(graph)).toBe(wanted)
    })
  },
}
