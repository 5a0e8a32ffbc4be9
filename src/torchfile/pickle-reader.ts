import { viewOf } from './byte-source.ts'
import { TorchFileError } from './errors.ts'
import { MAX_MARK_DEPTH } from './limits.ts'
import { OP } from './opcodes.ts'
import { PickleObject, type PyGlobal, PyTuple, type PyValue } from './values.ts'

/** What names, calls and persistent ids mean; the reader itself knows only data. */
export interface PickleHost {
  /** File or label for messages. */
  readonly name: string
  findGlobal(module: string, name: string, position: number): PyGlobal
  reduce(callable: PyValue, args: PyValue, position: number): PyValue
  newObject(cls: PyValue, args: PyValue, position: number): PyValue
  build(object: PyValue, state: PyValue, position: number): PyValue
  persistentLoad(id: PyValue, position: number): PyValue
}

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

/** Longest integer accepted, in bytes; torch's magic number has 10. */
const MAX_LONG_BYTES = 64

/**
 * Reads one pickle as data (protocols 0 to 5, the opcodes that torch and numpy emit).
 * No name is resolved and nothing is called here: see `PickleHost`.
 * Source: CPython Lib/pickletools.py.
 */
export class PickleReader {
  /** Offset of the next byte. */
  position: number
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #host: PickleHost
  readonly #stack: PyValue[] = []
  readonly #marks: number[] = []
  readonly #memo = new Map<number, PyValue>()

  constructor(bytes: Uint8Array, host: PickleHost, position = 0) {
    this.#bytes = bytes
    this.#view = viewOf(bytes)
    this.#host = host
    this.position = position
  }

  #fail(what: string): TorchFileError {
    return new TorchFileError(this.#host.name, `the pickle is damaged: ${what} at byte ${this.position}`)
  }

  /** Moves over `count` bytes and returns where they begin. */
  #take(count: number): number {
    const at = this.position
    if (!(count >= 0 && at + count <= this.#bytes.length))
      throw new PickleTruncatedError(this.#host.name, `the pickle is truncated at byte ${at}`)
    this.position = at + count
    return at
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

  #length64(): number {
    const value = this.#view.getBigUint64(this.#take(8), true)
    // Anything this large is beyond the end; #take says so.
    return Number(value)
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

  #tuple(size: number): void {
    const items = new Array<PyValue>(size)
    for (let i = size - 1; i >= 0; i--) items[i] = this.#pop()
    this.#stack.push(new PyTuple(items))
  }

  #get(index: number): void {
    const value = this.#memo.get(index)
    if (value === undefined) throw this.#fail(`memo entry ${index} is missing`)
    this.#stack.push(value)
  }

  #append(items: readonly PyValue[]): void {
    const target = this.#top()
    const list = target instanceof PickleObject ? target.items : target
    if (!Array.isArray(list)) throw this.#fail('items for something that is not a list')
    for (const item of items) list.push(item)
  }

  #setItems(items: readonly PyValue[]): void {
    const target = this.#top()
    if (items.length % 2 !== 0) throw this.#fail('a key without a value')
    const map = target instanceof PickleObject ? target.entries : target
    if (!(map instanceof Map)) throw this.#fail('entries for something that is not a dict')
    this.#fill(map, items)
  }

  #fill(map: Map<PyValue, PyValue>, items: readonly PyValue[]): void {
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i]!
      if (key instanceof Map || Array.isArray(key) || key instanceof Set)
        throw this.#fail('an unhashable key')
      map.set(key, items[i + 1]!)
    }
  }

  #decimal(line: string): number | bigint {
    if (!/^-?\d{1,100}$/.test(line)) throw this.#fail(`an integer written ${JSON.stringify(line)}`)
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
    return Number(line.replace('inf', 'Infinity'))
  }

  #checkProtocol(protocol: number): void {
    if (protocol > 5) throw this.#fail(`pickle protocol ${protocol} (up to 5 can be read)`)
  }

  #mark(): void {
    if (this.#marks.length >= MAX_MARK_DEPTH) throw this.#fail('nesting too deep')
    this.#marks.push(this.#stack.length)
  }

  /** Drops what is on top: a mark or a value. */
  #drop(): void {
    if (this.#stack.length === this.#marks.at(-1)) this.#marks.pop()
    else this.#pop()
  }

  #addMembers(items: readonly PyValue[]): void {
    const target = this.#top()
    if (!(target instanceof Set)) throw this.#fail('members for something that is not a set')
    for (const item of items) target.add(item)
  }

  #popName(): string {
    const name = this.#pop()
    if (typeof name !== 'string') throw this.#fail('a name that is not text')
    return name
  }

  #popNoKeywords(): void {
    const keywords = this.#pop()
    if (!(keywords instanceof Map) || keywords.size > 0) throw this.#fail('an object with keyword arguments')
  }

  /** The value that is left at the end. */
  #last(): PyValue {
    const value = this.#pop()
    if (this.#stack.length > 0 || this.#marks.length > 0) throw this.#fail('values left over')
    return value
  }

  #index(line: string): number {
    return Number(this.#decimal(line))
  }

  /**
   * Reads up to and including STOP.
   * @throws PickleTruncatedError when the bytes end first; TorchFileError when they are no pickle
   */
  read(): PyValue {
    const stack = this.#stack
    const view = this.#view
    const host = this.#host
    for (;;) {
      const start = this.#take(1)
      const opcode = this.#bytes[start]!
      switch (opcode) {
        case OP.PROTO:
          this.#checkProtocol(this.#bytes[this.#take(1)]!)
          break
        case OP.FRAME:
          this.#take(8)
          break
        case OP.STOP:
          return this.#last()

        case OP.NONE:
          stack.push(null)
          break
        case OP.NEWTRUE:
          stack.push(true)
          break
        case OP.NEWFALSE:
          stack.push(false)
          break
        case OP.BININT1:
          stack.push(this.#bytes[this.#take(1)]!)
          break
        case OP.BININT2:
          stack.push(view.getUint16(this.#take(2), true))
          break
        case OP.BININT:
          stack.push(view.getInt32(this.#take(4), true))
          break
        case OP.LONG1:
          stack.push(this.#long(this.#bytes[this.#take(1)]!))
          break
        case OP.LONG4:
          stack.push(this.#long(view.getInt32(this.#take(4), true)))
          break
        case OP.BINFLOAT:
          stack.push(view.getFloat64(this.#take(8), false))
          break
        case OP.INT:
          stack.push(this.#integer(this.#line()))
          break
        case OP.LONG:
          stack.push(this.#decimal(this.#line().replace(/L$/, '')))
          break
        case OP.FLOAT:
          stack.push(this.#float(this.#line()))
          break

        case OP.SHORT_BINUNICODE:
        case OP.SHORT_BINSTRING:
          stack.push(this.#text(this.#bytes[this.#take(1)]!))
          break
        case OP.BINUNICODE:
          stack.push(this.#text(view.getUint32(this.#take(4), true)))
          break
        case OP.BINSTRING:
          stack.push(this.#text(view.getInt32(this.#take(4), true)))
          break
        case OP.BINUNICODE8:
          stack.push(this.#text(this.#length64()))
          break
        case OP.SHORT_BINBYTES:
          stack.push(this.#slice(this.#bytes[this.#take(1)]!))
          break
        case OP.BINBYTES:
          stack.push(this.#slice(view.getUint32(this.#take(4), true)))
          break
        case OP.BINBYTES8:
        case OP.BYTEARRAY8:
          stack.push(this.#slice(this.#length64()))
          break

        case OP.MARK:
          this.#mark()
          break
        case OP.POP:
          this.#drop()
          break
        case OP.POP_MARK:
          this.#popMark()
          break
        case OP.DUP:
          stack.push(this.#top())
          break
        case OP.EMPTY_TUPLE:
          stack.push(new PyTuple([]))
          break
        case OP.TUPLE:
          stack.push(new PyTuple(this.#popMark()))
          break
        case OP.TUPLE1:
        case OP.TUPLE2:
        case OP.TUPLE3:
          this.#tuple(opcode - OP.TUPLE1 + 1)
          break
        case OP.EMPTY_LIST:
          stack.push([])
          break
        case OP.LIST:
          stack.push(this.#popMark())
          break
        case OP.APPEND:
          this.#append([this.#pop()])
          break
        case OP.APPENDS:
          this.#append(this.#popMark())
          break
        case OP.EMPTY_DICT:
          stack.push(new Map())
          break
        case OP.DICT: {
          const items = this.#popMark()
          stack.push(new Map())
          this.#setItems(items)
          break
        }
        case OP.SETITEM: {
          const value = this.#pop()
          this.#setItems([this.#pop(), value])
          break
        }
        case OP.SETITEMS:
          this.#setItems(this.#popMark())
          break
        case OP.EMPTY_SET:
          stack.push(new Set())
          break
        case OP.FROZENSET:
          stack.push(new Set(this.#popMark()))
          break
        case OP.ADDITEMS:
          this.#addMembers(this.#popMark())
          break

        case OP.BINPUT:
          this.#memo.set(this.#bytes[this.#take(1)]!, this.#top())
          break
        case OP.LONG_BINPUT:
          this.#memo.set(view.getUint32(this.#take(4), true), this.#top())
          break
        case OP.PUT:
          this.#memo.set(this.#index(this.#line()), this.#top())
          break
        case OP.MEMOIZE:
          this.#memo.set(this.#memo.size, this.#top())
          break
        case OP.BINGET:
          this.#get(this.#bytes[this.#take(1)]!)
          break
        case OP.LONG_BINGET:
          this.#get(view.getUint32(this.#take(4), true))
          break
        case OP.GET:
          this.#get(this.#index(this.#line()))
          break

        case OP.GLOBAL: {
          const module = this.#line()
          stack.push(host.findGlobal(module, this.#line(), start))
          break
        }
        case OP.STACK_GLOBAL: {
          const name = this.#popName()
          stack.push(host.findGlobal(this.#popName(), name, start))
          break
        }
        case OP.REDUCE: {
          const args = this.#pop()
          stack.push(host.reduce(this.#pop(), args, start))
          break
        }
        case OP.NEWOBJ: {
          const args = this.#pop()
          stack.push(host.newObject(this.#pop(), args, start))
          break
        }
        case OP.NEWOBJ_EX: {
          this.#popNoKeywords()
          const args = this.#pop()
          stack.push(host.newObject(this.#pop(), args, start))
          break
        }
        case OP.BUILD: {
          const state = this.#pop()
          stack.push(host.build(this.#pop(), state, start))
          break
        }
        case OP.BINPERSID:
          stack.push(host.persistentLoad(this.#pop(), start))
          break

        default:
          this.position = start
          throw this.#fail(`unknown opcode 0x${opcode.toString(16).padStart(2, '0')}`)
      }
    }
  }
}
