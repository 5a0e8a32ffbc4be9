import type { DescField, DescMessage } from '@bufbuild/protobuf'
import { ScalarType } from '@bufbuild/protobuf'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'

/** What a field may look like on the wire, and what is inside of it where that is a message. */
interface Rule {
  readonly types: readonly WireType[]
  /** Of the numbers in a list that comes in one piece. */
  readonly packed?: WireType
  readonly inner: Rules | undefined
}

type Rules = ReadonlyMap<number, Rule>

const known = new WeakMap<DescMessage, Rules>()

/**
 * Whether bytes are a message of this kind: each field of the type that its number has, and no message inside of another
 * that ends behind it. `fromBinary` takes both, and makes something else of the rest.
 *
 * @throws Error where they are not
 */
export function checkWire(schema: DescMessage, bytes: Uint8Array): void {
  check(bytes, new BinaryReader(bytes), rulesOf(schema), bytes.length)
}

function check(bytes: Uint8Array, reader: BinaryReader, rules: Rules, end: number): void {
  while (reader.pos < end) {
    const [number, type] = reader.tag()
    const rule = rules.get(number)
    if (rule !== undefined && !rule.types.includes(type))
      throw new Error(`field ${number} has the wire type ${type}`)
    if (type !== WireType.LengthDelimited) {
      reader.skip(type, number)
      continue
    }
    const length = reader.uint32()
    const last = reader.pos + length
    if (last > end) throw new Error(`field ${number} ends behind its message`)
    if (rule?.inner !== undefined) check(bytes, reader, rule.inner, last)
    else {
      if (rule?.packed !== undefined) checkPacked(bytes, rule.packed, reader.pos, last)
      reader.pos = last
    }
  }
  if (reader.pos !== end) throw new Error('a field ends behind its message')
}

/** The last number of a list ends with it. */
function checkPacked(bytes: Uint8Array, type: WireType, start: number, end: number): void {
  const whole =
    type === WireType.Varint
      ? start === end || bytes[end - 1]! < 0x80
      : (end - start) % (type === WireType.Bit32 ? 4 : 8) === 0
  if (!whole) throw new Error('a number ends behind its list')
}

function rulesOf(schema: DescMessage): Rules {
  const found = known.get(schema)
  if (found !== undefined) return found
  const rules = new Map<number, Rule>()
  known.set(schema, rules)
  for (const field of schema.fields) rules.set(field.number, ruleOf(field))
  return rules
}

function ruleOf(field: DescField): Rule {
  const inner = field.message === undefined ? undefined : rulesOf(field.message)
  const type = inner === undefined ? wireTypeOf(field.scalar) : WireType.LengthDelimited
  if (field.fieldKind === 'map') {
    // An entry is a message of its own: the key is field 1, the value field 2.
    const entry: Rules = new Map([
      [1, { types: [wireTypeOf(field.mapKey)], inner: undefined }],
      [2, { types: [type], inner }],
    ])
    return { types: [WireType.LengthDelimited], inner: entry }
  }
  // Numbers of a list may come packed or one by one.
  if (field.fieldKind === 'list' && type !== WireType.LengthDelimited)
    return { types: [type, WireType.LengthDelimited], packed: type, inner }
  return { types: [type], inner }
}

const FIXED: ReadonlyMap<ScalarType | undefined, WireType> = new Map([
  [ScalarType.STRING, WireType.LengthDelimited],
  [ScalarType.BYTES, WireType.LengthDelimited],
  [ScalarType.DOUBLE, WireType.Bit64],
  [ScalarType.FIXED64, WireType.Bit64],
  [ScalarType.SFIXED64, WireType.Bit64],
  [ScalarType.FLOAT, WireType.Bit32],
  [ScalarType.FIXED32, WireType.Bit32],
  [ScalarType.SFIXED32, WireType.Bit32],
])

/** Of a scalar; an enumeration, which has no scalar, is a varint as well. */
function wireTypeOf(scalar: ScalarType | undefined): WireType {
  return FIXED.get(scalar) ?? WireType.Varint
}
