import { STORAGE_DTYPES } from './dtype.ts'
import { TorchFileError, UnsafePickleError } from './errors.ts'
import { buildNumpyArray, buildNumpyDType, numpyDType, numpyFromBuffer, numpyScalar } from './numpy.ts'
import type { PickleHost } from './pickle-reader.ts'
import { rowMajorStride, StorageRef, TensorRef, tensorRef } from './tensor.ts'
import { NumpyArray, NumpyDType, PickleObject, PyGlobal, PyTuple, type PyValue } from './values.ts'

/** Names any file may use: what torch and numpy write for data, and Namespace, which fair-esm keeps its settings in. */
const DATA_GLOBALS: ReadonlySet<string> = new Set([
  'collections.OrderedDict',
  'torch._utils._rebuild_tensor',
  'torch._utils._rebuild_tensor_v2',
  'torch._utils._rebuild_parameter',
  'torch._utils._rebuild_parameter_with_state',
  'torch._tensor._rebuild_from_type_v2',
  'torch.Size',
  'torch.device',
  'torch.Tensor',
  'torch.nn.parameter.Parameter',
  'torch.serialization._get_layout',
  'argparse.Namespace',
  'builtins.set',
  'builtins.frozenset',
  'builtins.bytes',
  '_codecs.encode',
  'numpy.ndarray',
  'numpy.dtype',
  'numpy._core.multiarray._reconstruct',
  'numpy._core.multiarray.scalar',
  'numpy._core.numeric._frombuffer',
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

/** Maps a persistent id's storage to a checked reference; differs between the zip and the legacy format. */
export type StorageLoader = (fields: readonly PyValue[], position: number) => PyValue

/** Options of `openTorchFile`. */
export interface PickleOptions {
  /**
   * Also read instances of any class as inert `PickleObject`, as pickled nn.Modules need.
   * Calls stay limited to the allow-list.
   * @default false
   */
  allowModules?: boolean
}

/** The allow-list: which names a pickle may mention, and the few calls that are carried out, all on data. */
export class TorchPickleHost implements PickleHost {
  readonly name: string
  readonly #allowModules: boolean
  readonly #loadStorage: StorageLoader

  constructor(name: string, options: PickleOptions, loadStorage: StorageLoader) {
    this.name = name
    this.#allowModules = options.allowModules ?? false
    this.#loadStorage = loadStorage
  }

  #unsafe(what: string, target: PyValue | string, position: number): UnsafePickleError {
    let name = typeof target === 'string' ? target : 'a value that is no function'
    if (target instanceof PyGlobal) name = target.qualified
    if (target instanceof PickleObject) name = `${target.module}.${target.name}`
    return new UnsafePickleError(this.name, name, position, what)
  }

  #damaged(what: string, position: number): TorchFileError {
    return new TorchFileError(this.name, `the pickle is damaged: ${what} at byte ${position}`)
  }

  findGlobal(module: string, name: string, position: number): PyGlobal {
    const global = new PyGlobal(canonical(module), name)
    const qualified = global.qualified
    if (DATA_GLOBALS.has(qualified) || TORCH_DTYPE.test(qualified) || storageName(global)) return global
    const hostile =
      HOSTILE_MODULES.has(global.module.split('.', 1)[0]!) || qualified === 'torch.storage._load_from_bytes'
    if (!this.#allowModules || hostile) throw this.#unsafe('names', `${module}.${name}`, position)
    return global
  }

  reduce(callable: PyValue, args: PyValue, position: number): PyValue {
    if (!(callable instanceof PyGlobal)) throw this.#unsafe('calls', callable, position)
    const items = this.#items(args, 'arguments', position)
    switch (callable.qualified) {
      case 'collections.OrderedDict':
        return this.#orderedDict(items, position)
      case 'torch._utils._rebuild_tensor':
      case 'torch._utils._rebuild_tensor_v2':
        return this.#tensor(items, position)
      case 'torch._utils._rebuild_parameter':
      case 'torch._utils._rebuild_parameter_with_state':
        return this.#parameter(items[0], position)
      case 'torch._tensor._rebuild_from_type_v2':
        // (function, type, arguments, attributes): a tensor with Python attributes, which carry no weights.
        return this.reduce(items[0] ?? null, items[2] ?? null, position)
      case 'torch.Size':
        return this.#size(items[0], position)
      case 'torch.device':
      case 'torch.serialization._get_layout':
      case 'argparse.Namespace':
        return new PickleObject(callable.module, callable.name, items)
      case 'builtins.set':
      case 'builtins.frozenset':
        return this.#set(items, position)
      case 'builtins.bytes':
        if (items.length > 0) throw this.#unsafe('calls with arguments', callable, position)
        return new Uint8Array(0)
      case '_codecs.encode':
        return this.#latin1Bytes(items, position)
      case 'numpy._core.multiarray._reconstruct':
        return new NumpyArray()
      case 'numpy.dtype':
        return numpyDType(items, (what) => this.#damaged(what, position))
      case 'numpy._core.multiarray.scalar':
        return numpyScalar(items, (what) => this.#damaged(what, position))
      case 'numpy._core.numeric._frombuffer':
        return numpyFromBuffer(items, (what) => this.#damaged(what, position))
      case 'copyreg._reconstructor':
      case 'copy_reg._reconstructor':
        return this.#plainObject(callable, items, position)
      default:
        throw this.#unsafe('calls', callable, position)
    }
  }

  newObject(cls: PyValue, args: PyValue, position: number): PyValue {
    if (!(cls instanceof PyGlobal)) throw this.#unsafe('instantiates', cls, position)
    const items = this.#items(args, 'arguments', position)
    if (cls.qualified === 'collections.OrderedDict') return this.#orderedDict(items, position)
    const dataOnly = DATA_GLOBALS.has(cls.qualified) || storageName(cls) !== undefined
    if (dataOnly && cls.qualified !== 'argparse.Namespace') throw this.#unsafe('instantiates', cls, position)
    return new PickleObject(cls.module, cls.name, items)
  }

  build(object: PyValue, state: PyValue, position: number): PyValue {
    if (object instanceof PickleObject) object.state = state
    else if (object instanceof NumpyDType)
      buildNumpyDType(object, state, (what) => this.#damaged(what, position))
    else if (object instanceof NumpyArray)
      buildNumpyArray(object, state, (what) => this.#damaged(what, position))
    // A state_dict() carries version numbers of its modules as an attribute of the OrderedDict.
    else if (!(object instanceof Map)) throw this.#damaged('a state for something that takes none', position)
    return object
  }

  persistentLoad(id: PyValue, position: number): PyValue {
    const fields = this.#items(id, 'a persistent id', position)
    // Old module pickles carry the source text of each class; only its name is kept.
    if (fields[0] === 'module' && fields[1] instanceof PyGlobal) return fields[1]
    if (fields[0] !== 'storage') throw this.#damaged('an unknown persistent id', position)
    return this.#loadStorage(fields, position)
  }

  #parameter(tensor: PyValue | undefined, position: number): TensorRef {
    if (!(tensor instanceof TensorRef)) throw this.#damaged('a parameter without a tensor', position)
    return tensor
  }

  #size(sizes: PyValue | undefined, position: number): PyTuple {
    return sizes instanceof PyTuple ? sizes : new PyTuple(this.#list(sizes, 'sizes', position))
  }

  #set(items: readonly PyValue[], position: number): Set<PyValue> {
    return new Set(items.length === 0 ? [] : this.#list(items[0], 'members', position))
  }

  /** How protocol 2 writes bytes: text of the code points 0 to 255. */
  #latin1Bytes([text, encoding]: readonly PyValue[], position: number): Uint8Array {
    if (typeof text !== 'string' || encoding !== 'latin1')
      throw this.#damaged('bytes in an unknown encoding', position)
    return Uint8Array.from(Buffer.from(text, 'latin1'))
  }

  /** (class, base, state of the base): how protocols 0 and 1 write a plain object. */
  #plainObject(callable: PyGlobal, [cls, base]: readonly PyValue[], position: number): PyValue {
    if (!(cls instanceof PyGlobal) || !(base instanceof PyGlobal) || base.qualified !== 'builtins.object')
      throw this.#unsafe('calls', callable, position)
    return this.newObject(cls, new PyTuple([]), position)
  }

  #items(value: PyValue | undefined, what: string, position: number): readonly PyValue[] {
    if (value instanceof PyTuple) return value.items
    throw this.#damaged(`${what} that are no tuple`, position)
  }

  #list(value: PyValue | undefined, what: string, position: number): readonly PyValue[] {
    if (value instanceof Set) return [...value]
    return Array.isArray(value) ? value : this.#items(value, what, position)
  }

  #orderedDict(items: readonly PyValue[], position: number): Map<PyValue, PyValue> {
    const map = new Map<PyValue, PyValue>()
    if (items.length === 0) return map
    for (const pair of this.#list(items[0], 'pairs', position)) {
      const [key, value] = this.#list(pair, 'a pair', position)
      if (key === undefined || value === undefined) throw this.#damaged('a pair that is none', position)
      map.set(key, value)
    }
    return map
  }

  #tensor(items: readonly PyValue[], position: number): TensorRef {
    const [storage, offset, size, stride] = items
    if (!(storage instanceof StorageRef)) throw this.#damaged('a tensor without storage', position)
    const metadata = items[6]
    if (metadata instanceof Map && metadata.size > 0)
      throw this.#damaged('a conjugate or negative view, which cannot be read,', position)
    const shape = this.#list(size, 'sizes', position)
    const strides =
      stride === undefined ? rowMajorStride(shape as number[]) : this.#list(stride, 'strides', position)
    return tensorRef(this.name, storage, offset, shape, strides)
  }
}

/** `FloatStorage` and the like; undefined for any other name. */
function storageName(global: PyGlobal): string | undefined {
  const { module, name } = global
  const place =
    module === 'torch' || module === 'torch.cuda' || (module === 'torch.storage' && name === 'UntypedStorage')
  return place && STORAGE_DTYPES.has(name) ? name : undefined
}

/** The fields every storage id starts with: 'storage', type, key, location, number of elements. */
export function storageFromId(file: string, fields: readonly PyValue[], position: number): StorageRef {
  const [, type, key, location, numel] = fields
  const dtype = type instanceof PyGlobal ? STORAGE_DTYPES.get(storageName(type) ?? '') : undefined
  const counts = typeof numel === 'number' && Number.isSafeInteger(numel * 8) && numel >= 0
  if (!dtype || typeof key !== 'string' || typeof location !== 'string' || !counts)
    throw new TorchFileError(file, `the pickle is damaged: a malformed storage at byte ${position}`)
  return new StorageRef(key, dtype, numel, location)
}
