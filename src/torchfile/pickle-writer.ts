import { OP } from './opcodes.ts'
import { PickleOutput } from './pickle-output.ts'
import { rowMajorStride } from './tensor.ts'

/**
 * A string object of its own. Python writes an object once and refers back to it afterwards, so what counts is
 * identity, which JS strings lack: use one `PyString` in several places for one Python object.
 */
export class PyString {
  readonly value: string
  constructor(value: string) {
    this.value = value
  }
}

/** A Python float, even where the number is whole. */
export class PyFloat {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

/** A list of Python floats (float64 in the file) given as float32. */
export class PyFloatList {
  readonly values: Float32Array
  constructor(values: Float32Array) {
    this.values = values
  }
}

/** A contiguous float32 tensor with a storage of its own. */
export class TensorData {
  readonly values: Float32Array
  readonly shape: readonly number[]
  constructor(values: Float32Array, shape: readonly number[]) {
    this.values = values
    this.shape = shape
  }
}

/**
 * What can be written. A plain string stands for one of Python's interned constants (every equal one is the same
 * object); whole numbers become int and others float; arrays become lists and Maps dicts.
 */
export type Writable =
  | null
  | boolean
  | number
  | bigint
  | string
  | PyString
  | PyFloat
  | PyFloatList
  | TensorData
  | readonly Writable[]
  | ReadonlyMap<Writable, Writable>

/** CPython's Pickler appends at most this many items at once. */
const BATCH = 1000
/** Output is handed on in pieces of about this size. */
const PIECE_BYTES = 2 ** 20

/**
 * Writes the protocol 2 pickle CPython's C Pickler writes for the same objects inside torch.save:
 * same opcodes, same memo numbers, same batches. Source: CPython Modules/_pickle.c, checked against Python.
 */
export class PickleWriter {
  /** Tensors in the order of their storage keys 0, 1, ... */
  readonly tensors: TensorData[] = []
  readonly #out = new PickleOutput()
  readonly #memo = new Map<unknown, number>()
  #memoSize = 0

  /** @param key the object to refer back to; without one the number is only used up */
  #memoize(key?: unknown): void {
    if (key !== undefined) this.#memo.set(key, this.#memoSize)
    this.#out.memo(OP.BINPUT, OP.LONG_BINPUT, this.#memoSize++)
  }

  /** Writes a reference if the object has been written before. */
  #recall(key: unknown): boolean {
    const index = this.#memo.get(key)
    if (index === undefined) return false
    this.#out.memo(OP.BINGET, OP.LONG_BINGET, index)
    return true
  }

  #string(key: unknown, text: string): void {
    if (this.#recall(key)) return
    this.#out.text(text)
    this.#memoize(key)
  }

  /** Names share the memo with strings; the line break keeps the two apart. */
  #global(module: string, name: string): void {
    const key = `${module}\n${name}`
    if (this.#recall(key)) return
    this.#out.global(module, name)
    this.#memoize(key)
  }

  /** The pickle in pieces; each `write` call needs a new writer. */
  *write(root: Writable): Generator<Uint8Array> {
    this.#out.op(OP.PROTO, 2, 1)
    yield* this.#save(root)
    this.#out.op(OP.STOP)
    yield this.#out.take()
  }

  *#save(value: Writable): Generator<Uint8Array> {
    const out = this.#out
    if (value === null || typeof value !== 'object') this.#scalar(value)
    else if (value instanceof PyFloat) out.float(value.value)
    else if (value instanceof PyString) this.#pyString(value)
    else if (this.#recall(value)) return
    else if (value instanceof PyFloatList) this.#floatList(value)
    else if (value instanceof TensorData) this.#tensor(value)
    else if (value instanceof Map) yield* this.#dict(value)
    else yield* this.#list(value as readonly Writable[])
    if (out.length >= PIECE_BYTES) yield out.take()
  }

  #scalar(value: null | boolean | number | bigint | string): void {
    const out = this.#out
    if (value === null) out.op(OP.NONE)
    else if (typeof value === 'boolean') out.op(value ? OP.NEWTRUE : OP.NEWFALSE)
    else if (typeof value === 'string') this.#string(value, value)
    else if (typeof value === 'bigint' || Number.isSafeInteger(value)) out.int(value)
    else out.float(value)
  }

  #pyString(value: PyString): void {
    // Python keeps one object for every text of one Latin-1 character.
    const shared = value.value.length === 1 && value.value.charCodeAt(0) < 256
    this.#string(shared ? value.value : value, value.value)
  }

  *#list(items: readonly Writable[]): Generator<Uint8Array> {
    for (const [from, to] of this.#batches(items, items.length))
      for (let i = from; i < to; i++) yield* this.#save(items[i]!)
  }

  #floatList(list: PyFloatList): void {
    const { values } = list
    for (const [from, to] of this.#batches(list, values.length)) this.#out.float32s(values, from, to)
  }

  /** Writes a list around its items, which the caller writes from one index to before another at each step. */
  *#batches(list: unknown, length: number): Generator<[from: number, to: number]> {
    const out = this.#out
    out.op(OP.EMPTY_LIST)
    this.#memoize(list)
    for (let from = 0; from < length; from += BATCH) {
      if (length > 1) out.op(OP.MARK)
      yield [from, Math.min(from + BATCH, length)]
      out.op(length > 1 ? OP.APPENDS : OP.APPEND)
    }
  }

  *#dict(map: ReadonlyMap<Writable, Writable>): Generator<Uint8Array> {
    const out = this.#out
    out.op(OP.EMPTY_DICT)
    this.#memoize(map)
    if (map.size === 0) return
    const single = map.size === 1
    if (!single) out.op(OP.MARK)
    let inBatch = 0
    for (const [key, value] of map) {
      yield* this.#save(key)
      yield* this.#save(value)
      // A full batch is always followed by another one, if need be an empty one; lists differ.
      if (!single && ++inBatch === BATCH) {
        out.op(OP.SETITEMS)
        out.op(OP.MARK)
        inBatch = 0
      }
    }
    out.op(single ? OP.SETITEM : OP.SETITEMS)
  }

  #intTuple(values: readonly number[]): void {
    const out = this.#out
    if (values.length === 0) {
      out.op(OP.EMPTY_TUPLE)
      return
    }
    if (values.length > 3) out.op(OP.MARK)
    for (const value of values) out.int(value)
    out.op(values.length > 3 ? OP.TUPLE : OP.TUPLE1 + values.length - 1)
    this.#memoize()
  }

  /** `_rebuild_tensor_v2(storage, 0, shape, stride, False, OrderedDict())` */
  #tensor(tensor: TensorData): void {
    const out = this.#out
    const key = String(this.tensors.length)
    this.tensors.push(tensor)
    this.#global('torch._utils', '_rebuild_tensor_v2')
    out.op(OP.MARK)
    out.op(OP.MARK)
    this.#string('storage', 'storage')
    this.#global('torch', 'FloatStorage')
    this.#string(new PyString(key), key)
    this.#string('cpu', 'cpu')
    out.int(tensor.values.length)
    out.op(OP.TUPLE)
    this.#memoize()
    out.op(OP.BINPERSID)
    out.int(0)
    this.#intTuple(tensor.shape)
    this.#intTuple(rowMajorStride(tensor.shape))
    out.op(OP.NEWFALSE)
    this.#global('collections', 'OrderedDict')
    out.op(OP.EMPTY_TUPLE)
    out.op(OP.REDUCE)
    this.#memoize()
    out.op(OP.TUPLE)
    this.#memoize()
    out.op(OP.REDUCE)
    this.#memoize(tensor)
  }
}
