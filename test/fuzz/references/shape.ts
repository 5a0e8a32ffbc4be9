import {
  NumpyArray,
  NumpyDType,
  PickleObject,
  PyGlobal,
  PyTuple,
  type PyValue,
  StorageRef,
  TensorRef,
} from '../../../src/torchfile/index.ts'

const NODES = 20_000
const DEPTH = 60

/** A value is too large to be written down: a few bytes can stand for any number of values. */
export class LargeValue extends Error {}

const hex = (text: string) => Buffer.from(text).toString('hex')

function number(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(value)
  return `n${bytes.toString('hex')}`
}

function utf16(text: string): string {
  return Buffer.from(text, 'utf16le').swap16().toString('hex')
}

/** The values of a pickle as text, as `pickles.py` writes those that Python reads. */
export class Shape {
  #left = NODES

  text(value: PyValue, depth = 0): string {
    if (--this.#left < 0 || depth > DEPTH) throw new LargeValue()
    if (value === null) return 'N'
    if (typeof value === 'boolean') return value ? 'T' : 'F'
    if (typeof value === 'number') return number(value)
    if (typeof value === 'bigint') return `i${value}`
    if (typeof value === 'string') return `s${utf16(value)}`
    if (value instanceof Uint8Array) return `b${Buffer.from(value).toString('hex')}`
    return this.#collection(value, depth) ?? reference(value)
  }

  #collection(value: PyValue, depth: number): string | undefined {
    const each = (items: Iterable<PyValue>) => Array.from(items, (item) => this.text(item, depth + 1))
    if (Array.isArray(value)) return `[${each(value).join(',')}]`
    if (value instanceof PyTuple) return `(${each(value.items).join(',')})`
    if (value instanceof Set)
      return `<${[...new Map(each(value).map((text) => [alike(text), text])).values()].sort().join(',')}>`
    if (!(value instanceof Map)) return undefined
    // Python takes 1, 1.0 and True for one key, and tuples of equal items; a Map does not.
    const entries = new Map<string, [key: string, value: string]>()
    for (const [key, item] of value) {
      const text = this.text(key, depth + 1)
      const first = entries.get(alike(text))?.[0] ?? text
      entries.set(alike(text), [first, this.text(item, depth + 1)])
    }
    return `{${Array.from(entries.values(), (pair) => pair.join(':')).join(',')}}`
  }
}

/** Equal for keys that Python takes for one. */
function alike(key: string): string {
  return key
    .replaceAll(/\b[TF]\b/g, (letter) => number(letter === 'T' ? 1 : 0))
    .replaceAll('n8000000000000000', 'n0000000000000000')
}

function reference(value: PyValue): string {
  if (value instanceof PyGlobal) return `g${hex(value.qualified)}`
  if (value instanceof StorageRef) return `S${hex(value.key)}/${value.numel}`
  if (value instanceof TensorRef)
    return `t${hex(value.storage.key)}/${value.offset}/[${value.shape}]/[${value.stride}]`
  if (value instanceof PickleObject) return `o${hex(value.module)}`
  if (value instanceof NumpyArray || value instanceof NumpyDType) return 'numpy'
  throw new Error('a value of no known kind')
}
