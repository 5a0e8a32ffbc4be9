import { STORAGE_DTYPES } from './dtype.ts'
import { TorchFileError, UnsafePickleError } from './errors.ts'
import { buildNumpyArray, buildNumpyDType, numpyDType, numpyFromBuffer, numpyScalar } from './numpy.ts'
import { StorageRef, TensorRef, tensorRef } from './tensor.ts'
import {
  isHashable,
  NumpyArray,
  NumpyDType,
  PickleObject,
  PyGlobal,
  PyTuple,
  type PyValue,
} from './values.ts'

type Call = (args: readonly PyValue[], at: Place, callable: PyGlobal) => PyValue

/** The calls that are carried out, all on data. */
const CALLS: Readonly<Record<string, Call>> = {
  'collections.OrderedDict': orderedDict,
  'torch._utils._rebuild_tensor': rebuildTensor,
  'torch._utils._rebuild_tensor_v2': rebuildTensor,
  'torch._utils._rebuild_parameter': parameter,
  'torch._utils._rebuild_parameter_with_state': parameter,
  // (function, type, arguments, attributes): a tensor with Python attributes, which carry no weights.
  'torch._tensor._rebuild_from_type_v2': ([callable, , args], at) => call(callable, args, at),
  'torch.Size': ([sizes], at) => (sizes instanceof PyTuple ? sizes : new PyTuple(list(sizes, 'sizes', at))),
  'torch.device': inert,
  'torch.serialization._get_layout': inert,
  // fair-esm keeps its settings in one.
  'argparse.Namespace': inert,
  'builtins.set': set,
  'builtins.frozenset': (args, at) => Object.freeze(set(args, at)),
  'builtins.bytes': (args, at, callable) => {
    if (args.length > 0) throw at.unsafe('calls with arguments', callable)
    return new Uint8Array(0)
  },
  // How protocol 2 writes bytes: text of the code points 0 to 255.
  '_codecs.encode': ([text, encoding], at) => {
    if (typeof text !== 'string' || encoding !== 'latin1') throw at.damaged('bytes in an unknown encoding')
    return Uint8Array.from(Buffer.from(text, 'latin1'))
  },
  'numpy.dtype': (args, at) => numpyDType(args, at.damaged),
  'numpy._core.multiarray._reconstruct': () => new NumpyArray(),
  'numpy._core.multiarray.scalar': (args, at) => numpyScalar(args, at.damaged),
  'numpy._core.numeric._frombuffer': (args, at) => numpyFromBuffer(args, at.damaged),
}

/** Names any file may use: what torch and numpy write for data. */
const DATA_GLOBALS: ReadonlySet<string> = new Set([
  ...Object.keys(CALLS),
  'torch.Tensor',
  'torch.nn.parameter.Parameter',
  'numpy.ndarray',
])

const TORCH_DTYPE =
  /^torch\.(float64|float32|float16|bfloat16|int64|int32|int16|int8|uint8|bool|double|float|half|long|int|short)$/

/**
 * Modules that have no place in a model file. Nothing of them could run here either way; a file that
 * names them was made to attack Python, and the user should hear of it.
 */
const HOSTILE_MODULES: ReadonlySet<string> = new Set(
  `builtins os posix nt ntpath posixpath sys subprocess shutil runpy importlib imp pty socket ctypes _ctypes
   pickle _pickle cPickle marshal code codeop types operator functools itertools inspect gc threading
   _thread multiprocessing asyncio signal atexit webbrowser urllib http requests tempfile pathlib io _io
   bdb pdb timeit trace pip pkgutil zipimport platform commands dill cloudpickle joblib`.split(/\s+/),
)

/** Old spellings of the same names, so that each needs one entry above. */
function canonical(module: string): string {
  if (module === '__builtin__') return 'builtins'
  return module.replace(/^numpy\.core(?=\.|$)/, 'numpy._core')
}

/** Checks a storage against the file and gives the one reference to it; differs between the two formats. */
export type StorageLoader = (storage: StorageRef, id: readonly PyValue[]) => StorageRef

/** Options of `openTorchFile`. */
export interface PickleOptions {
  /**
   * Also read instances of any class as inert `PickleObject`, as pickled nn.Modules need.
   * Calls stay limited to the allow-list.
   * @default false
   */
  allowModules?: boolean
  /**
   * Refuse a zip file unless its headers, padding and directory, which no checksum covers, are to the byte as
   * torch.save writes them. Nothing of it is decompressed then.
   * @default false
   */
  strict?: boolean
}

/** One opcode of one file, for messages. */
class Place {
  readonly file: string
  readonly position: number

  constructor(file: string, position: number) {
    this.file = file
    this.position = position
  }

  readonly damaged = (what: string): TorchFileError =>
    new TorchFileError(this.file, `the pickle is damaged: ${what} at byte ${this.position}`)

  unsafe(what: string, target: PyValue | undefined): UnsafePickleError {
    const isNamed = target instanceof PyGlobal || target instanceof PickleObject
    const name = isNamed ? `${target.module}.${target.name}` : 'a value that is not a function'
    return new UnsafePickleError(this.file, name, this.position, what)
  }
}

/** The allow-list: which names a pickle may mention, and the few calls that are carried out. */
export class PickleHost {
  readonly name: string
  readonly #allowModules: boolean
  readonly #loadStorage: StorageLoader

  constructor(name: string, options: PickleOptions, loadStorage: StorageLoader) {
    this.name = name
    this.#allowModules = options.allowModules ?? false
    this.#loadStorage = loadStorage
  }

  findGlobal(module: string, name: string, position: number): PyGlobal {
    const global = new PyGlobal(canonical(module), name)
    const qualified = global.qualified
    if (DATA_GLOBALS.has(qualified) || TORCH_DTYPE.test(qualified) || storageName(global)) return global
    const hostile =
      HOSTILE_MODULES.has(global.module.split('.', 1)[0]!) || qualified === 'torch.storage._load_from_bytes'
    if (this.#allowModules && !hostile) return global
    throw new Place(this.name, position).unsafe('names', new PyGlobal(module, name))
  }

  reduce(callable: PyValue, args: PyValue, position: number): PyValue {
    return call(callable, args, new Place(this.name, position))
  }

  newObject(cls: PyValue, args: PyValue, position: number): PyValue {
    const at = new Place(this.name, position)
    if (!(cls instanceof PyGlobal)) throw at.unsafe('instantiates', cls)
    const items = tupleItems(args, 'arguments', at)
    if (cls.qualified === 'collections.OrderedDict') return orderedDict(items, at)
    const dataOnly = DATA_GLOBALS.has(cls.qualified) || storageName(cls) !== undefined
    if (dataOnly && cls.qualified !== 'argparse.Namespace') throw at.unsafe('instantiates', cls)
    return inert(items, at, cls)
  }

  build(object: PyValue, state: PyValue, position: number): PyValue {
    const { damaged } = new Place(this.name, position)
    if (object instanceof PickleObject) object.state = state
    else if (object instanceof NumpyDType) buildNumpyDType(object, state, damaged)
    else if (object instanceof NumpyArray) buildNumpyArray(object, state, damaged)
    // A state_dict() carries version numbers of its modules as an attribute of the OrderedDict.
    else if (!(object instanceof Map)) throw damaged('a state for something that takes none')
    return object
  }

  persistentLoad(id: PyValue, position: number): PyValue {
    const at = new Place(this.name, position)
    const fields = tupleItems(id, 'a persistent id', at)
    // Old module pickles carry the source text of each class; only its name is kept.
    if (fields[0] === 'module' && fields[1] instanceof PyGlobal) return fields[1]
    if (fields[0] !== 'storage') throw at.damaged('an unknown persistent id')
    return this.#loadStorage(storageFromId(fields, at), fields)
  }
}

function call(callable: PyValue | undefined, args: PyValue | undefined, at: Place): PyValue {
  const carryOut = callable instanceof PyGlobal ? CALLS[callable.qualified] : undefined
  if (carryOut === undefined) throw at.unsafe('calls', callable)
  return carryOut(tupleItems(args, 'arguments', at), at, callable as PyGlobal)
}

function inert(args: readonly PyValue[], _at: Place, { module, name }: PyGlobal): PickleObject {
  return new PickleObject(module, name, args)
}

function parameter([tensor]: readonly PyValue[], at: Place): TensorRef {
  if (!(tensor instanceof TensorRef)) throw at.damaged('a parameter without a tensor')
  return tensor
}

/** The one argument of a collection, or none. */
function content(args: readonly PyValue[], what: string, at: Place): readonly PyValue[] {
  if (args.length > 1) throw at.damaged(`${args.length} arguments of a collection`)
  return args.length === 0 ? [] : list(args[0], what, at)
}

function set(args: readonly PyValue[], at: Place): Set<PyValue> {
  const members = content(args, 'members', at)
  if (!members.every(isHashable)) throw at.damaged('an unhashable member')
  return new Set(members)
}

function tupleItems(value: PyValue | undefined, what: string, at: Place): readonly PyValue[] {
  if (value instanceof PyTuple) return value.items
  throw at.damaged(`${what} that are no tuple`)
}

function list(value: PyValue | undefined, what: string, at: Place): readonly PyValue[] {
  if (value instanceof Set) return [...value]
  return Array.isArray(value) ? value : tupleItems(value, what, at)
}

function orderedDict(args: readonly PyValue[], at: Place): Map<PyValue, PyValue> {
  const map = new Map<PyValue, PyValue>()
  for (const pair of content(args, 'pairs', at)) {
    const [key, value, ...more] = list(pair, 'a pair', at)
    if (key === undefined || value === undefined || more.length > 0 || !isHashable(key))
      throw at.damaged('a pair that is none')
    map.set(key, value)
  }
  return map
}

function rebuildTensor(args: readonly PyValue[], at: Place): TensorRef {
  const [storage, offset, size, stride, , , metadata] = args
  if (!(storage instanceof StorageRef)) throw at.damaged('a tensor without storage')
  if (metadata instanceof Map && metadata.size > 0)
    throw at.damaged('a conjugate or negative view, which cannot be read,')
  const shape = list(size, 'sizes', at)
  return tensorRef(at.file, storage, offset, shape, list(stride, 'strides', at))
}

/** `FloatStorage` and the like; undefined for any other name. */
function storageName(global: PyGlobal): string | undefined {
  const { module, name } = global
  const place =
    module === 'torch' || module === 'torch.cuda' || (module === 'torch.storage' && name === 'UntypedStorage')
  return place && STORAGE_DTYPES.has(name) ? name : undefined
}

/** The fields every storage id starts with: 'storage', type, key, location, number of elements. */
function storageFromId(fields: readonly PyValue[], at: Place): StorageRef {
  const [, type, key, location, numel] = fields
  const dtype = type instanceof PyGlobal ? STORAGE_DTYPES.get(storageName(type) ?? '') : undefined
  const counts = typeof numel === 'number' && Number.isSafeInteger(numel * 8) && numel >= 0
  if (!dtype || typeof key !== 'string' || typeof location !== 'string' || !counts)
    throw at.damaged('a malformed storage')
  return new StorageRef(key, dtype, numel, location)
}
