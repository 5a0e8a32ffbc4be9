import { DTYPES } from './dtype.ts'
import { isCount } from './limits.ts'
import { shown } from './shown.ts'
import { NumpyArray, NumpyDType, PyTuple, type PyValue } from './values.ts'

type Fail = (what: string) => Error

/** Plain element types: boolean, integers, floats. Objects, records and text are refused. */
const CODE = /^[biuf][1248]$/

/** `numpy.dtype('f4', False, True)`. */
export function numpyDType(args: readonly PyValue[], fail: Fail): NumpyDType {
  const code = args[0]
  if (typeof code !== 'string' || !CODE.test(code)) throw fail(`numpy element type ${shown(code)}`)
  return new NumpyDType(code)
}

/** State `(version, byte order, ...)`. */
export function buildNumpyDType(dtype: NumpyDType, state: PyValue, fail: Fail): void {
  const order = state instanceof PyTuple ? state.items[1] : undefined
  // Big-endian arrays are refused: no machine that runs these models writes them.
  if (order !== '<' && order !== '|' && order !== '=') throw fail(`numpy byte order ${shown(order)}`)
  dtype.byteOrder = order
}

function fill(
  array: NumpyArray,
  shape: PyValue | undefined,
  dtype: PyValue | undefined,
  data: PyValue | undefined,
  fail: Fail,
): void {
  const sizes = shape instanceof PyTuple ? shape.items : undefined
  if (!sizes?.every(isCount) || !(dtype instanceof NumpyDType) || !(data instanceof Uint8Array))
    throw fail('a malformed numpy array')
  const itemBytes = Number(dtype.code[1])
  const bytes = sizes.reduce((product, size) => product * size, itemBytes)
  if (bytes !== data.length) throw fail(`a numpy array of ${bytes} bytes with ${data.length} bytes of data`)
  array.dtype = `${itemBytes === 1 ? '|' : '<'}${dtype.code}`
  array.shape = sizes
  array.data = data
}

/** State `(version, shape, dtype, is Fortran order, bytes)`. */
export function buildNumpyArray(array: NumpyArray, state: PyValue, fail: Fail): void {
  const [, shape, dtype, fortran, data] = state instanceof PyTuple ? state.items : []
  fill(array, shape, dtype, data, fail)
  array.fortranOrder = fortran === true && array.shape.length > 1
}

/** `_frombuffer(bytes, dtype, shape, 'C' | 'F')`, the form of protocol 5. */
export function numpyFromBuffer(args: readonly PyValue[], fail: Fail): NumpyArray {
  const array = new NumpyArray()
  fill(array, args[2], args[1], args[0], fail)
  array.fortranOrder = args[3] === 'F' && array.shape.length > 1
  return array
}

/** `scalar(dtype, bytes)` as a number. */
export function numpyScalar(args: readonly PyValue[], fail: Fail): PyValue {
  const array = new NumpyArray()
  fill(array, new PyTuple([]), args[0], args[1], fail)
  const type = Object.values(DTYPES).find(({ numpy }) => numpy === array.dtype.slice(1))
  if (type?.array === undefined) throw fail(`a numpy scalar of type ${array.dtype}`)
  const [value] = new type.array(Uint8Array.from(array.data).buffer)
  return type.numpy === 'b1' ? value !== 0 : Number(value)
}
