import type { StorageRef, TensorRef } from './tensor.ts'

/** What a pickle can hold once read: plain inert data, never anything callable. */
export type PyValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PyValue[]
  | Map<PyValue, PyValue>
  | Set<PyValue>
  | PyTuple
  | PyGlobal
  | PickleObject
  | NumpyDType
  | NumpyArray
  | TensorRef
  | StorageRef

/** A Python tuple; lists are arrays. `torch.Size` reads as a tuple. */
export class PyTuple {
  readonly items: readonly PyValue[]
  constructor(items: readonly PyValue[]) {
    this.items = items
    if (!items.every(isHashable)) unhashable.add(this)
  }
}

/** Tuples with something inside that cannot be a key. */
const unhashable = new WeakSet<PyTuple>()

/** Whether Python takes a value for a key of a dict or a member of a set; a frozen set is frozen here, too. */
export function isHashable(value: PyValue): boolean {
  if (value instanceof PyTuple) return !unhashable.has(value)
  if (value instanceof Set) return Object.isFrozen(value)
  return !(Array.isArray(value) || value instanceof Map || value instanceof NumpyArray)
}

/** The name of a class, function or dtype that the pickle mentions; only ever a name. */
export class PyGlobal {
  readonly module: string
  readonly name: string
  constructor(module: string, name: string) {
    this.module = module
    this.name = name
  }
  get qualified(): string {
    return `${this.module}.${this.name}`
  }
}

/** An instance of an allow-listed class, as data: its class is a name and no code of it exists here. */
export class PickleObject {
  readonly module: string
  readonly name: string
  /** Arguments its constructor would get. */
  readonly args: readonly PyValue[]
  /** What BUILD gave, usually the attributes by name. */
  state: PyValue = null
  /** Entries, for subclasses of dict. */
  readonly entries = new Map<PyValue, PyValue>()
  /** Items, for subclasses of list. */
  readonly items: PyValue[] = []

  constructor(module: string, name: string, args: readonly PyValue[]) {
    this.module = module
    this.name = name
    this.args = args
  }

  /** An attribute, or undefined. */
  get(attribute: string): PyValue | undefined {
    return this.state instanceof Map ? this.state.get(attribute) : undefined
  }
}

/** numpy dtype such as `f4`, with its byte order once BUILD has set it. */
export class NumpyDType {
  readonly code: string
  /** `<` little, `>` big, `|` does not apply, `=` native. */
  byteOrder = '='
  constructor(code: string) {
    this.code = code
  }
}

/** A numpy array whose bytes lie inside the pickle. */
export class NumpyArray {
  /** Such as `<f4`. */
  dtype = ''
  shape: readonly number[] = []
  /** Elements in row-major order, or column-major when `fortranOrder`. */
  data: Uint8Array = new Uint8Array(0)
  fortranOrder = false
}
