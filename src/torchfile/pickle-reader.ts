import { viewOf } from './byte-source.ts'
import { TorchFileError } from './errors.ts'
import { isCount, MAX_MARK_DEPTH } from './limits.ts'
import { OP } from './opcodes.ts'
import type { PickleHost } from './pickle-host.ts'
import { shown } from './shown.ts'
import { isHashable, PickleObject, PyTuple, type PyValue } from './values.ts'

/** The pickle goes on behind the bytes given: read more and try again, or report a truncated file. */
export class PickleTruncatedError extends TorchFileError {}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const ascii = new TextDecoder('latin1')

/** LONG1 and LONG4: little-endian two's complement. */
function longFromBytes(bytes: Uint8Array): number | bigint {
  let value = 0n
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!)
  return narrow(BigInt.asIntN(bytes.length * 8, value))
}

function narrow(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

const FLOAT_TEXT = /^(nan|-?inf|-?\d{1,400}(\.\d{0,400})?(e[+-]?\d{1,5})?)$/

/** Undefined where the opcode puts nothing on the stack. */
type Step = (reader: PickleReader, start: number) => PyValue | undefined

/** Longest integer accepted, in bytes; torch's magic number has 10. */
const MAX_LONG_BYTES = 64

/**
 * Reads one pickle as data (protocols 0 to 5, the opcodes that torch and numpy emit).
 * No name is resolved and nothing is called here: what names, calls and persistent ids mean is up to `PickleHost`.
 * Source: CPython Lib/pickletools.py.
 */
export class PickleReader {
  /** Offset of the next byte. */
  position = 0
  readonly #bytes: Uint8Array
  /** Of the frame that is read, or of all bytes. */
  #end: number
  #frameEnd = 0
  readonly #view: DataView
  readonly #host: PickleHost
  readonly #stack: PyValue[] = []
  readonly #marks: number[] = []
  readonly #memo = new Map<number, PyValue>()

  constructor(bytes: Uint8Array, host: PickleHost) {
    this.#bytes = bytes
    this.#end = bytes.length
    this.#view = viewOf(bytes)
    this.#host = host
  }

  #fail(what: string): TorchFileError {
    return new TorchFileError(this.#host.name, `the pickle is damaged: ${what} at byte ${this.position}`)
  }

  /** Moves over `count` bytes and returns where they begin. */
  #take(count: number): number {
    const at = this.position
    if (!(count >= 0 && at + count <= this.#end)) this.#leaveFrame(count)
    this.position = at + count
    return at
  }

  /** Behind a frame the pickle goes on, in the next one or without any. */
  #leaveFrame(count: number): void {
    if (this.position < this.#end && this.#end < this.#bytes.length)
      throw this.#fail('something that its frame does not hold whole')
    this.#end = this.#bytes.length
    if (!(count >= 0 && this.position + count <= this.#end))
      throw new PickleTruncatedError(this.#host.name, `the pickle is truncated at byte ${this.position}`)
  }

  #slice(count: number): Uint8Array {
    const at = this.#take(count)
    return this.#bytes.subarray(at, at + count)
  }

  #text(count: number): string {
    const bytes = this.#slice(count)
    try {
      return utf8.decode(bytes)
    } catch {
      throw this.#fail('text that is not UTF-8')
    }
  }

  #u8(): number {
    return this.#bytes[this.#take(1)]!
  }

  #u32(): number {
    return this.#view.getUint32(this.#take(4), true)
  }

  #i32(): number {
    return this.#view.getInt32(this.#take(4), true)
  }

  /** A length: anything too large for a number is beyond the end, and #take says so. */
  #u64(): number {
    return Number(this.#view.getBigUint64(this.#take(8), true))
  }

  #line(): string {
    const end = this.#bytes.indexOf(10, this.position)
    if (end < 0) this.#take(this.#bytes.length + 1)
    const at = this.#take(end + 1 - this.position)
    return ascii.decode(this.#bytes.subarray(at, end))
  }

  #pop(): PyValue {
    const floor = this.#marks.at(-1) ?? 0
    if (this.#stack.length <= floor) throw this.#fail('the stack is empty')
    return this.#stack.pop()!
  }

  #top(): PyValue {
    const value = this.#pop()
    this.#stack.push(value)
    return value
  }

  #popMark(): PyValue[] {
    const mark = this.#marks.pop()
    if (mark === undefined) throw this.#fail('a mark is missing')
    return this.#stack.splice(mark)
  }

  #tuple(size: number): PyTuple {
    const items = new Array<PyValue>(size)
    for (let i = size - 1; i >= 0; i--) items[i] = this.#pop()
    return new PyTuple(items)
  }

  #put(index: number): undefined {
    this.#memo.set(index, this.#top())
  }

  #get(index: number): PyValue {
    const value = this.#memo.get(index)
    if (value === undefined) throw this.#fail(`memo entry ${index} is missing`)
    return value
  }

  #append(items: readonly PyValue[]): undefined {
    const target = this.#top()
    const list = target instanceof PickleObject ? target.items : target
    if (!Array.isArray(list)) throw this.#fail('items for something that is not a list')
    for (const item of items) list.push(item)
  }

  #setItems(items: readonly PyValue[]): undefined {
    const target = this.#top()
    const map = target instanceof PickleObject ? target.entries : target
    if (!(map instanceof Map)) throw this.#fail('entries for something that is not a dict')
    this.#fill(map, items)
  }

  #fill(map: Map<PyValue, PyValue>, items: readonly PyValue[]): Map<PyValue, PyValue> {
    if (items.length % 2 !== 0) throw this.#fail('a key without a value')
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i]!
      if (!isHashable(key)) throw this.#fail('an unhashable key')
      map.set(key, items[i + 1]!)
    }
    return map
  }

  #decimal(line: string): number | bigint {
    // Python takes a number with a leading zero for octal, or refuses it, and -0 for false.
    if (!/^(0|-?[1-9]\d{0,99})$/.test(line))
      throw this.#fail(`an integer written ${JSON.stringify(shown(line))}`)
    return narrow(BigInt(line))
  }

  #long(length: number): number | bigint {
    if (length > MAX_LONG_BYTES || length < 0) throw this.#fail(`an integer of ${length} bytes`)
    return longFromBytes(this.#slice(length))
  }

  /** Before protocol 2 booleans are integers of two digits. */
  #integer(line: string): boolean | number | bigint {
    if (line === '01') return true
    return line === '00' ? false : this.#decimal(line)
  }

  #float(line: string): number {
    if (!FLOAT_TEXT.test(line)) throw this.#fail('a malformed float')
    const value = Number(line.replace('inf', 'Infinity'))
    // Python reads infinity from its name alone.
    if (/\d/.test(line) && !Number.isFinite(value)) throw this.#fail('a float that is too large')
    return value
  }

  #checkProtocol(): undefined {
    const protocol = this.#u8()
    if (protocol > 5) throw this.#fail(`pickle protocol ${protocol} (up to 5 can be read)`)
  }

  /** Python reads a frame at once: where it ends is an end for what is in it. */
  #frame(): undefined {
    const length = this.#u64()
    if (this.position < this.#frameEnd) throw this.#fail('a frame inside a frame')
    this.#end = this.#bytes.length
    const start = this.#take(length)
    this.#frameEnd = this.position
    this.#end = this.position
    this.position = start
  }

  #mark(): undefined {
    if (this.#marks.length >= MAX_MARK_DEPTH) throw this.#fail('nesting too deep')
    this.#marks.push(this.#stack.length)
  }

  /** Drops what is on top: a mark or a value. */
  #drop(): undefined {
    if (this.#stack.length === this.#marks.at(-1)) this.#marks.pop()
    else this.#pop()
  }

  #addMembers(items: readonly PyValue[]): undefined {
    const target = this.#top()
    if (!(target instanceof Set) || Object.isFrozen(target))
      throw this.#fail('members for something that is not a set')
    for (const item of this.#members(items)) target.add(item)
  }

  #members(items: readonly PyValue[]): readonly PyValue[] {
    if (!items.every(isHashable)) throw this.#fail('an unhashable member')
    return items
  }

  #popName(): string {
    const name = this.#pop()
    if (typeof name !== 'string') throw this.#fail('a name that is not text')
    return name
  }

  /** Target and argument lie on the stack in this order. */
  #ask(what: 'reduce' | 'newObject' | 'build', start: number): PyValue {
    const argument = this.#pop()
    return this.#host[what](this.#pop(), argument, start)
  }

  #popNoKeywords(): void {
    const keywords = this.#pop()
    if (!(keywords instanceof Map) || keywords.size > 0) throw this.#fail('an object with keyword arguments')
  }

  /** The value that is left at the end. */
  #last(): PyValue {
    const value = this.#pop()
    if (this.position < this.#frameEnd) throw this.#fail('a frame that goes on behind its last value')
    if (this.#stack.length > 0 || this.#marks.length > 0) throw this.#fail('values left over')
    return value
  }

  #index(): number {
    const index = this.#decimal(this.#line())
    if (!isCount(index)) throw this.#fail(`memo entry ${index}`)
    return index
  }

  /**
   * Reads up to and including STOP.
   * @throws PickleTruncatedError when the bytes end first; TorchFileError when they are no pickle
   */
  read(): PyValue {
    for (;;) {
      const start = this.#take(1)
      const opcode = this.#bytes[start]!
      if (opcode === OP.STOP) return this.#last()
      // Nearly all of a file of DNABERT-S: several times faster than by the table.
      if (opcode === OP.BINFLOAT) {
        this.#stack.push(this.#view.getFloat64(this.#take(8), false))
        continue
      }
      const step = PickleReader.#steps[opcode]
      if (step === undefined) {
        this.position = start
        throw this.#fail(`unknown opcode 0x${opcode.toString(16).padStart(2, '0')}`)
      }
      const value = step(this, start)
      if (value !== undefined) this.#stack.push(value)
    }
  }

  /** What each opcode does; a value that comes of it goes on the stack. */
  static readonly #steps: Readonly<Record<number, Step>> = {
    [OP.PROTO]: (reader) => reader.#checkProtocol(),
    [OP.FRAME]: (reader) => reader.#frame(),

    [OP.NONE]: () => null,
    [OP.NEWTRUE]: () => true,
    [OP.NEWFALSE]: () => false,
    [OP.BININT1]: (reader) => reader.#u8(),
    [OP.BININT2]: (reader) => reader.#view.getUint16(reader.#take(2), true),
    [OP.BININT]: (reader) => reader.#i32(),
    [OP.LONG1]: (reader) => reader.#long(reader.#u8()),
    [OP.LONG4]: (reader) => reader.#long(reader.#i32()),
    [OP.INT]: (reader) => reader.#integer(reader.#line()),
    [OP.LONG]: (reader) => reader.#decimal(reader.#line().replace(/L$/, '')),
    [OP.FLOAT]: (reader) => reader.#float(reader.#line()),

    [OP.SHORT_BINUNICODE]: (reader) => reader.#text(reader.#u8()),
    [OP.SHORT_BINSTRING]: (reader) => reader.#text(reader.#u8()),
    [OP.BINUNICODE]: (reader) => reader.#text(reader.#u32()),
    [OP.BINSTRING]: (reader) => reader.#text(reader.#i32()),
    [OP.BINUNICODE8]: (reader) => reader.#text(reader.#u64()),
    [OP.SHORT_BINBYTES]: (reader) => reader.#slice(reader.#u8()),
    [OP.BINBYTES]: (reader) => reader.#slice(reader.#u32()),
    [OP.BINBYTES8]: (reader) => reader.#slice(reader.#u64()),
    [OP.BYTEARRAY8]: (reader) => reader.#slice(reader.#u64()),

    [OP.MARK]: (reader) => reader.#mark(),
    [OP.POP]: (reader) => reader.#drop(),
    [OP.POP_MARK]: (reader) => void reader.#popMark(),
    [OP.DUP]: (reader) => reader.#top(),
    [OP.EMPTY_TUPLE]: () => new PyTuple([]),
    [OP.TUPLE]: (reader) => new PyTuple(reader.#popMark()),
    [OP.TUPLE1]: (reader) => reader.#tuple(1),
    [OP.TUPLE2]: (reader) => reader.#tuple(2),
    [OP.TUPLE3]: (reader) => reader.#tuple(3),
    [OP.EMPTY_LIST]: () => [],
    [OP.LIST]: (reader) => reader.#popMark(),
    [OP.APPEND]: (reader) => reader.#append([reader.#pop()]),
    [OP.APPENDS]: (reader) => reader.#append(reader.#popMark()),
    [OP.EMPTY_DICT]: () => new Map(),
    [OP.DICT]: (reader) => reader.#fill(new Map(), reader.#popMark()),
    [OP.SETITEM]: (reader) => reader.#setItems([reader.#pop(), reader.#pop()].reverse()),
    [OP.SETITEMS]: (reader) => reader.#setItems(reader.#popMark()),
    [OP.EMPTY_SET]: () => new Set(),
    [OP.FROZENSET]: (reader) => Object.freeze(new Set(reader.#members(reader.#popMark()))),
    [OP.ADDITEMS]: (reader) => reader.#addMembers(reader.#popMark()),

    [OP.BINPUT]: (reader) => reader.#put(reader.#u8()),
    [OP.LONG_BINPUT]: (reader) => reader.#put(reader.#u32()),
    [OP.PUT]: (reader) => reader.#put(reader.#index()),
    [OP.MEMOIZE]: (reader) => reader.#put(reader.#memo.size),
    [OP.BINGET]: (reader) => reader.#get(reader.#u8()),
    [OP.LONG_BINGET]: (reader) => reader.#get(reader.#u32()),
    [OP.GET]: (reader) => reader.#get(reader.#index()),

    [OP.GLOBAL]: (reader, start) => reader.#host.findGlobal(reader.#line(), reader.#line(), start),
    [OP.STACK_GLOBAL]: (reader, start) => {
      const name = reader.#popName()
      return reader.#host.findGlobal(reader.#popName(), name, start)
    },
    [OP.REDUCE]: (reader, start) => reader.#ask('reduce', start),
    [OP.NEWOBJ]: (reader, start) => reader.#ask('newObject', start),
    [OP.NEWOBJ_EX]: (reader, start) => {
      reader.#popNoKeywords()
      return reader.#ask('newObject', start)
    },
    [OP.BUILD]: (reader, start) => reader.#ask('build', start),
    [OP.BINPERSID]: (reader, start) => reader.#host.persistentLoad(reader.#pop(), start),
  }
}
