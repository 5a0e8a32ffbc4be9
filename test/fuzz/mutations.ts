import fc from 'fast-check'

/** A real file to begin with. */
export interface SeedFile {
  readonly name: string
  readonly bytes: Uint8Array
}

/** A real file after some changes. */
export class Mutant {
  readonly name: string
  readonly bytes: Uint8Array
  readonly #changes: readonly Change[]

  constructor(name: string, bytes: Uint8Array, changes: readonly Change[]) {
    this.name = name
    this.bytes = bytes
    this.#changes = changes
  }

  /** For reports: enough to write the input down as a case. */
  [fc.toStringMethod](): string {
    const changes = this.#changes.map(([kind, ...numbers]) => `${kind} ${numbers.join(' ')}`).join(', ')
    const base64 = Buffer.from(this.bytes).toString('base64')
    const shown = base64.length > 4000 ? `${base64.slice(0, 4000)}... (${this.bytes.length} bytes)` : base64
    return `Mutant(${this.name}; ${changes}; base64 ${shown})`
  }
}

export interface MutationOptions {
  /** Most changes to one file. @default 6 */
  readonly most?: number
  /** What is inserted and put in place of other bytes now and then: words of the format. */
  readonly tokens?: readonly (string | Uint8Array)[]
  /** Most bytes of a mutant. @default four times the largest file, at least 4 KiB */
  readonly mostBytes?: number
}

/** Numbers from 0 up to 2^32, not included; `at` and `other` are places, as shares of the length. */
export type Change = readonly [kind: Kind, at: number, other: number, value: number]

interface Context {
  readonly files: readonly SeedFile[]
  readonly tokens: readonly Uint8Array[]
}

type Edit = (bytes: Buffer, at: number, other: number, value: number, context: Context) => Uint8Array

/** What counters overflow at, what is negative, and neighbours of powers of two. */
const EXTREMES = [
  0n,
  1n,
  -1n,
  -2n,
  0x7fn,
  0x80n,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  (1n << 53n) - 1n,
  1n << 53n,
  (1n << 63n) - 1n,
  1n << 63n,
]
const WIDTHS = [1, 2, 4, 8] as const
/** A range is rarely longer. */
const RANGE = 64

const EDITS = {
  flip: (bytes, at, _, value) => {
    const place = within(bytes.length, at)
    if (place < bytes.length) bytes[place]! ^= 1 << (value & 7)
    return bytes
  },
  set: (bytes, at, _, value) => {
    const place = within(bytes.length, at)
    if (place < bytes.length) bytes[place] = value
    return bytes
  },
  insert: (bytes, at, other, value) => {
    const inserted = Buffer.alloc(8)
    inserted.writeUInt32LE(value)
    inserted.writeUInt32LE(other, 4)
    return replaced(bytes, within(bytes.length + 1, at), 0, inserted.subarray(0, 1 + (other & 7)))
  },
  delete: (bytes, at, other, value) => {
    const [start, end] = range(bytes.length, at, other, value)
    return replaced(bytes, start, end - start, NOTHING)
  },
  duplicate: (bytes, at, other, value) => {
    const [start, end] = range(bytes.length, at, value, other)
    return replaced(bytes, within(bytes.length + 1, other), 0, bytes.subarray(start, end))
  },
  repeat: (bytes, at, other, value) => {
    const [start, end] = range(bytes.length, at, other, other)
    return replaced(bytes, end, 0, ...Array<Buffer>(value & 0xff).fill(bytes.subarray(start, end)))
  },
  splice: (bytes, at, other, value, { files }) => {
    const second = Buffer.from(files[value % files.length]!.bytes)
    return Buffer.concat([
      bytes.subarray(0, within(bytes.length + 1, at)),
      second.subarray(within(second.length + 1, other)),
    ])
  },
  truncate: (bytes, at) => bytes.subarray(0, within(bytes.length + 1, at)),
  integer: (bytes, at, other, value) => {
    const width = WIDTHS[value & 3]!
    const place = within(bytes.length - width + 1, at)
    if (bytes.length < width) return bytes
    const extreme = BigInt.asUintN(64, EXTREMES[other % EXTREMES.length]!)
    const number = Buffer.alloc(8)
    number.writeBigUInt64LE(extreme)
    const written = number.subarray(0, width)
    if ((value & 4) !== 0) written.reverse()
    bytes.set(written, place)
    return bytes
  },
  swap: (bytes, at, other, value) => {
    const length = 1 + (value % Math.max(1, Math.min(RANGE, bytes.length >> 1)))
    const [first, second] = [
      within(bytes.length - length + 1, at),
      within(bytes.length - length + 1, other),
    ].sort((a, b) => a - b) as [number, number]
    if (first + length > second) return bytes
    const held = Buffer.from(bytes.subarray(first, first + length))
    bytes.copyWithin(first, second, second + length)
    bytes.set(held, second)
    return bytes
  },
  token: (bytes, at, other, value, { tokens }) => {
    const token = tokens[value % tokens.length]
    if (token === undefined) return bytes
    // In place of as many bytes, of one word's worth, or of none.
    const gone = [0, token.length, other % RANGE][other % 3]!
    return replaced(bytes, within(bytes.length + 1, at), gone, token)
  },
} satisfies Record<string, Edit>

type Kind = keyof typeof EDITS
const KINDS = Object.keys(EDITS) as Kind[]
const NOTHING = new Uint8Array(0)

/** The share `part / 2^32` of a length; below it, or 0. */
function within(length: number, part: number): number {
  return length <= 0 ? 0 : Math.floor((part / 2 ** 32) * length)
}

/** Mostly short; one in eight reaches as far as the numbers say. */
function range(length: number, at: number, other: number, value: number): [start: number, end: number] {
  const start = within(length, at)
  const most = (value & 7) === 0 ? length - start : Math.min(RANGE, length - start)
  return [start, start + Math.min(most, 1 + within(most, other))]
}

function replaced(bytes: Buffer, at: number, gone: number, ...put: readonly Uint8Array[]): Buffer {
  return Buffer.concat([bytes.subarray(0, at), ...put, bytes.subarray(at + gone)])
}

/** Some changes, fewer of them when it shrinks. */
export function changes({ most = 6, tokens = [] }: MutationOptions = {}): fc.Arbitrary<readonly Change[]> {
  const kinds = KINDS.filter((kind) => kind !== 'token' || tokens.length > 0)
  const part = fc.nat(0xffffffff)
  return fc.array(fc.tuple(fc.constantFrom(...kinds), part, part, part), { maxLength: most, size: 'max' })
}

/** The bytes after the changes; `files` are what others are spliced in from. */
export function applied(
  list: readonly Change[],
  original: Uint8Array,
  files: readonly SeedFile[],
  { tokens = [], mostBytes = Math.max(4096, 4 * original.length) }: MutationOptions = {},
): Uint8Array {
  const words = tokens.map((token) => Buffer.from(token as Uint8Array))
  let bytes = Buffer.from(original)
  for (const [kind, at, other, value] of list) {
    const edit: Edit = EDITS[kind]
    bytes = Buffer.from(edit(bytes, at, other, value, { files, tokens: words })).subarray(0, mostBytes)
  }
  return new Uint8Array(bytes)
}

/** Real files with some changes. */
export function mutated(files: readonly SeedFile[], options: MutationOptions = {}): fc.Arbitrary<Mutant> {
  if (files.length === 0) throw new Error('no files to mutate')
  const largest = Math.max(...files.map(({ bytes }) => bytes.length))
  const bounded = { mostBytes: Math.max(4096, 4 * largest), ...options }
  return fc.tuple(fc.nat(files.length - 1), changes(options)).map(([index, list]) => {
    const { name, bytes } = files[index]!
    return new Mutant(name, applied(list, bytes, files, bounded), list)
  })
}
