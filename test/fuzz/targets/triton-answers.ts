import { type DescField, type DescMessage, fromBinary, type Message } from '@bufbuild/protobuf'
import fc from 'fast-check'
import type { Type } from 'protobufjs'
import { decode } from '../../../packages/tritonclient-ts/src/connection.ts'
import { TritonError } from '../../../packages/tritonclient-ts/src/index.ts'
import {
  ModelConfigResponseSchema,
  ModelInferResponseSchema,
  ModelMetadataResponseSchema,
  ModelStatisticsResponseSchema,
  ModelStreamInferResponseSchema,
  RepositoryIndexResponseSchema,
  ServerMetadataResponseSchema,
} from '../../../packages/tritonclient-ts/src/proto/service_pb.ts'
import { InferResult } from '../../../packages/tritonclient-ts/src/result.ts'
import type { Draft } from '../draft.ts'
import { applied, changes } from '../mutations.ts'
import { decoded, drawn, plain, typeNamed } from '../references/protobuf.ts'
import { meant, type WireAnswer } from '../references/tensors.ts'
import type { Target } from '../target.ts'

const SCHEMAS: readonly DescMessage[] = [
  ModelInferResponseSchema,
  ModelConfigResponseSchema,
  ModelMetadataResponseSchema,
  ModelStatisticsResponseSchema,
  ModelStreamInferResponseSchema,
  RepositoryIndexResponseSchema,
  ServerMetadataResponseSchema,
]
const CALL = { endpoint: 'grpc://h', method: 'ModelInfer', model: 'm' }

/** What the client has read, in the form of the reference: members of a choice by their names. */
function shown(schema: DescMessage, message: Message): Record<string, unknown> {
  const values = message as unknown as Record<string, unknown>
  const parts = schema.fields.map((field) => [field.localName, shownField(field, partOf(field, values))])
  return Object.fromEntries(parts)
}

function partOf({ oneof, localName }: DescField, values: Record<string, unknown>): unknown {
  if (oneof === undefined) return values[localName]
  const choice = values[oneof.localName] as { case?: string; value?: unknown }
  return choice.case === localName ? choice.value : undefined
}

function shownField(field: DescField, value: unknown): unknown {
  const inner = field.message
  if (value === undefined || inner === undefined) return value
  const deep = (each: unknown) => shown(inner, each as Message)
  if (field.fieldKind === 'list') return (value as unknown[]).map(deep)
  if (field.fieldKind === 'map')
    return Object.fromEntries(Object.entries(value as object).map(([key, each]) => [key, deep(each)]))
  return deep(value)
}

/** @returns undefined where the client finds fault with it */
function read<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    if (error instanceof TritonError && error.reason === 'bad-answer') return undefined
    throw error
  }
}

const DATATYPES = [
  'BOOL UINT8 UINT16 UINT32 UINT64 INT8 INT16 INT32 INT64 FP16 BF16 FP32 FP64 BYTES'.split(' '),
  [1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 2, 4, 8, 0],
] as const

const bytesOf = (length: number, seed: number) =>
  Buffer.from(Array.from({ length }, (_, i) => (Math.imul(seed + i, 0x9e3779b1) >>> 13) & 255))

/** An answer that is right: some outputs, their elements as bytes. */
const honest = fc
  .array(fc.tuple(fc.nat(13), fc.array(fc.nat(4), { maxLength: 3 }), fc.nat(0xffff)), {
    minLength: 1,
    maxLength: 3,
  })
  .map((list): Draft => {
    const outputs = list.map(([type, shape], i) => ({
      name: `out${i}`,
      datatype: DATATYPES[0][type]!,
      shape: [...shape],
    }))
    const rawOutputContents = list.map(([type, shape, seed]) => {
      const count = shape.reduce((product, size) => product * size, 1)
      if (type < 13) return bytesOf(count * DATATYPES[1][type]!, seed)
      return Buffer.concat(
        Array.from({ length: count }, (_, i) => Buffer.from([i & 3, 0, 0, 0, ...bytesOf(i & 3, seed)])),
      )
    })
    return { modelName: 'm', modelVersion: '1', id: 'x', outputs, rawOutputContents }
  })

type Lie = (answer: Draft, at: number, value: number) => void

const LIES: readonly Lie[] = [
  ({ outputs }, at, value) => {
    const { shape } = outputs[at % outputs.length]!
    shape[value % (shape.length + 1)] = ['-1', '9007199254740992', '9223372036854775807', '4294967296', 0, 1][
      value % 6
    ]!
  },
  ({ outputs }, at, value) => {
    outputs[at % outputs.length]!.datatype = [...DATATYPES[0], 'FP8', '', 'fp32', 'constructor'][value % 18]!
  },
  ({ rawOutputContents: raws }, at) => raws.splice(at % 4, 1),
  ({ rawOutputContents: raws }, at, value) => raws.splice(at % 4, 0, bytesOf(value % 40, at)),
  ({ rawOutputContents: raws }) => raws.reverse(),
  ({ rawOutputContents: raws }, at, value) => {
    const raw = raws[at % Math.max(1, raws.length)]
    if (raw !== undefined) raws[at % raws.length] = raw.subarray(0, value % (raw.length + 1))
  },
  ({ outputs }, at) => outputs.push({ ...outputs[at % outputs.length]! }),
  ({ outputs }, at, value) => {
    outputs[at % outputs.length]!.name = `out${value % 3}`
  },
  (answer, at, value) => {
    const output = answer.outputs[at % answer.outputs.length]!
    const lists = [
      'boolContents',
      'intContents',
      'int64Contents',
      'uintContents',
      'uint64Contents',
      'fp32Contents',
      'fp64Contents',
    ]
    const count = output.shape.reduce<number>(
      (product, size) => Math.min(20, product * Math.abs(Number(size))),
      1,
    )
    const numbers = [value % 200, -1, 128, 65_536, 0.5, 255]
    output.contents = {
      [lists[value % 7]!]: Array.from({ length: count }, (_, i) => numbers[(value + i) % 6]!),
    }
    if (value % 3 > 0) answer.rawOutputContents.length = 0
  },
]

const lies = fc.array(fc.tuple(fc.nat(LIES.length - 1), fc.nat(100), fc.nat(10_000)), { maxLength: 3 })

/** A generator of numbers from 0 up to 1. Source: mulberry32. */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The message as both libraries read it. @returns what the reference reads, where the client takes it */
function compared(schema: DescMessage, type: Type, bytes: Uint8Array, isWhole: boolean): object | undefined {
  const found = read(() => decode(CALL, schema, bytes))
  if (found === undefined) {
    if (isWhole) fromBinary(schema, bytes)
    return undefined
  }
  const reference = decoded(type, bytes)
  const [ours, theirs] = [plain(shown(schema, found)), plain(reference)].map((each) => JSON.stringify(each))
  if (ours !== theirs) throw new Error(`${schema.typeName}\n${ours} was read, by protobufjs\n${theirs}`)
  return reference
}

function comparedTensors(bytes: Uint8Array, answer: WireAnswer, isWhole: boolean): void {
  const result = read(() => new InferResult(CALL, decode(CALL, ModelInferResponseSchema, bytes), new Set()))
  if (result === undefined) {
    if (isWhole) throw new Error('an answer that is right was refused')
    return
  }
  if (new Set(answer.outputs.map(({ name }) => name)).size !== answer.outputs.length)
    throw new Error('of two outputs with the same name one was taken')
  for (const [at, { name, datatype, shape, data }] of result.outputs.entries()) {
    const elements = Array.from(data as ArrayLike<unknown>, (each) =>
      each instanceof Uint8Array
        ? Buffer.from(each).toString('hex')
        : Object.is(each, -0)
          ? '-0'
          : String(each),
    )
    const ours = JSON.stringify([name, datatype, shape.map(String), elements])
    const output = answer.outputs[at]
    const theirs = JSON.stringify([output?.name, output?.datatype, output?.shape, meant(answer, at)])
    if (ours !== theirs) throw new Error(`output ${at}: ${ours} was read, meant is ${theirs}`)
  }
}

const damage = fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, changes({ most: 3 }))
/** An answer to an inference, or a message of any kind with whatever its fields hold. */
const subject = fc.oneof(
  fc.record({ answer: honest, lies }),
  fc.record({ schema: fc.nat(SCHEMAS.length - 1), seed: fc.nat() }),
)

export const target: Target = {
  name: 'triton-answers',
  about:
    'messages of a Triton that protobufjs wrote, with lies and damage, against protobufjs and a plain reading of tensors',
  weight: 1,
  property: () =>
    fc.property(subject, damage, (drawnFrom, list) => {
      const isInfer = 'answer' in drawnFrom
      const schema = isInfer ? ModelInferResponseSchema : SCHEMAS[drawnFrom.schema]!
      const type = typeNamed(schema.name)
      const draft = isInfer ? structuredClone(drawnFrom.answer) : drawn(type, numbers(drawnFrom.seed))
      if (isInfer) for (const [lie, at, value] of drawnFrom.lies) LIES[lie]!(draft as Draft, at, value)
      const written = type.encode(type.fromObject(draft)).finish()
      const bytes = applied(list, written, [{ name: 'message', bytes: written }])
      const isWhole = list.length === 0
      const reference = compared(schema, type, bytes, isWhole)
      if (schema !== ModelInferResponseSchema || reference === undefined) return
      comparedTensors(bytes, reference as WireAnswer, isWhole && isInfer && drawnFrom.lies.length === 0)
    }),
}
