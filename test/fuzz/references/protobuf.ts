import { resolve } from 'node:path'
import fc from 'fast-check'
import protobufjs, { type Field, type MapField, type Type } from 'protobufjs'

/** The protocol as protobufjs reads it, which shares no code with the client. */
const PROTO = resolve(import.meta.dir, '../../../packages/tritonclient-ts/src/proto/service.proto')
let root: protobufjs.Root | undefined

/** Its own passes over ten bytes of a number of more than five, wherever the number ends. */
protobufjs.Reader.prototype.uint32 = function (this: protobufjs.Reader): number {
  let value = 0
  for (let shift = 0; shift < 70; shift += 7) {
    if (this.pos >= this.len) throw new RangeError('the message ends inside a number')
    const byte = this.buf[this.pos++]!
    if (shift < 32) value = (value | ((byte & 127) << shift)) >>> 0
    if (byte < 128) return value
  }
  throw new RangeError('a number of more than ten bytes')
}

export function typeNamed(name: string): Type {
  root ??= protobufjs.loadSync(PROTO)
  return root.lookupType(`inference.${name}`)
}

/** A map with keys of 64 bits, which protobufjs writes as eight letters. */
const UNLIKE = 'priorityQueuePolicy'

/** Numbers and bytes of a message as text, where the same text is the same message; absent parts are left out. */
export function plain(value: unknown): unknown {
  if (value === null || value === undefined) return undefined
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  if (typeof value === 'bigint' || typeof value === 'string' || typeof value === 'boolean')
    return String(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (Array.isArray(value)) return value.map(plain)
  const parts = Object.entries(value).map(
    ([key, part]) => [key, key === UNLIKE ? undefined : plain(part)] as const,
  )
  return Object.fromEntries(
    parts.filter(([, part]) => part !== undefined).sort(([a], [b]) => (a < b ? -1 : 1)),
  )
}

/** A part by its number, and what it is: of a choice, one of several. */
function partAt(type: Type, tag: number): { name: string | undefined; inner: Type | undefined } {
  const field = type.fieldsById[tag >>> 3]?.resolve()
  const inner =
    field?.map || !(field?.resolvedType instanceof protobufjs.Type) ? undefined : field.resolvedType
  const isOnce = field !== undefined && !field.repeated && (inner !== undefined || field.partOf !== null)
  return {
    name: isOnce ? (field.partOf?.name ?? field.name) : undefined,
    inner: (tag & 7) === 2 ? inner : undefined,
  }
}

/**
 * Whether a part that may occur once occurs again, or another of the same choice: the last one counts, messages are
 * merged, and protobufjs does neither.
 */
function repeats(type: Type, reader: protobufjs.Reader, end: number): boolean {
  const seen = new Set<string>()
  while (reader.pos < end) {
    const tag = reader.uint32()
    const { name, inner } = partAt(type, tag)
    if (name !== undefined && seen.has(name)) return true
    if (name !== undefined) seen.add(name)
    if (inner === undefined) reader.skipType(tag & 7)
    else if (repeats(inner, reader, reader.uint32() + reader.pos)) return true
  }
  return false
}

/** A number of 32 bits in six to nine bytes, which protobufjs takes for ten. */
const OVERLONG = /(?<![\x80-\xff])[\x80-\xff]{5,8}(?![\x80-\xff])/

/** @returns undefined for bytes that are no such message */
export function decoded(type: Type, bytes: Uint8Array): object | undefined {
  let message: protobufjs.Message
  try {
    message = type.decode(bytes)
    fc.pre(!repeats(type, protobufjs.Reader.create(bytes), bytes.length))
  } catch (error) {
    fc.pre(!fc.PreconditionFailure.isFailure(error) && !OVERLONG.test(Buffer.from(bytes).toString('latin1')))
    return undefined
  }
  try {
    return type.toObject(message, { longs: AsText, bytes: Uint8Array, defaults: true })
  } catch {
    // It reads an entry of a map without a value, and fails over its own null.
    return fc.pre(false) as never
  }
}

/** What protobufjs makes 64-bit integers with: as text, since it knows no bigint. */
const AsText = String

/** A message of a type with parts drawn by `next`, which gives numbers from 0 up to 1. */
export function drawn(type: Type, next: () => number, depth = 3): object {
  const message: Record<string, unknown> = {}
  for (const field of type.fieldsArray) {
    if (next() < 0.5 || (depth === 0 && field.resolve().resolvedType instanceof protobufjs.Type)) continue
    const oneof = field.partOf
    if (oneof?.fieldsArray.some(({ name }) => name in message)) continue
    message[field.name] = part(field.resolve(), next, depth)
  }
  return message
}

function part(field: Field, next: () => number, depth: number): unknown {
  const times = Math.floor(next() * 3)
  if (field.map) {
    const keys = Array.from({ length: times }, (_, i) =>
      (field as unknown as MapField).keyType === 'string' ? `k${i}` : `${i}`,
    )
    return Object.fromEntries(keys.map((key) => [key, single(field, next, depth)]))
  }
  return field.repeated
    ? Array.from({ length: times }, () => single(field, next, depth))
    : single(field, next, depth)
}

const NUMBERS = [0, 1, -1, 127, 128, 255, 65_535, 65_536, 2 ** 31 - 1, -(2 ** 31), 2 ** 32 - 1]
const FLOATS = [0, -0, 1.5, -2.25, Number.NaN, Number.POSITIVE_INFINITY, 1e300, 1e-40]
const WORDS = ['', 'esm2', 'embedding', 'FP32', '1', 'ä€😀', '\0', 'x'.repeat(200)]

function single({ type, resolvedType }: Field, next: () => number, depth: number): unknown {
  const of = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)]!
  if (resolvedType instanceof protobufjs.Type) return drawn(resolvedType, next, depth - 1)
  if (resolvedType !== null) return Math.floor(next() * 6)
  if (type === 'string') return of(WORDS)
  if (type === 'bytes')
    return Buffer.from(Array.from({ length: Math.floor(next() * 20) }, () => next() * 256))
  if (type === 'bool') return next() < 0.5
  if (type === 'float' || type === 'double') return of(FLOATS)
  return of(NUMBERS)
}
