import { type ByteSource, viewOf } from './byte-source.ts'
import { ITEM_BYTES } from './dtype.ts'
import { TorchFileError } from './errors.ts'
import { MAX_PICKLE_BYTES } from './limits.ts'
import { PickleHost, type PickleOptions } from './pickle-host.ts'
import { PickleReader, PickleTruncatedError } from './pickle-reader.ts'
import { shown } from './shown.ts'
import type { StorageRef } from './tensor.ts'
import type { TorchContainer } from './torch-file.ts'
import type { PyValue } from './values.ts'

const MAGIC = 0x1950a86a20f9469cfc6cn
const PROTOCOL_VERSION = 1001
const FIRST_WINDOW = 2 ** 20

/**
 * Opens the format of torch before 1.6: five pickles (magic, version, system, object, storage keys), then
 * each storage as a 64-bit element count and its bytes. There are no checksums. The source is closed with the file.
 */
export async function openTorchLegacy(source: ByteSource, options: PickleOptions): Promise<TorchContainer> {
  const fail = (what: string) => new TorchFileError(source.name, `is damaged or truncated: ${what}`)
  let at = 0
  /** The pickles follow each other, and their lengths are written nowhere. A window too short is read again whole. */
  const next = async (makeHost: () => PickleHost): Promise<PyValue> => {
    const most = Math.min(source.size - at, MAX_PICKLE_BYTES)
    for (let window = FIRST_WINDOW; ; window *= 4) {
      const reader = new PickleReader(await source.read(at, Math.min(window, most)), makeHost())
      try {
        const value = reader.read()
        at += reader.position
        return value
      } catch (error) {
        if (!(error instanceof PickleTruncatedError) || window >= most) throw error
      }
    }
  }
  const plain = () =>
    new PickleHost(source.name, {}, () => {
      throw fail('a storage before the object')
    })
  if ((await next(plain)) !== MAGIC)
    throw new TorchFileError(source.name, 'is a pickle but not one of torch.save', {
      advice: 'Give a file written by torch.save.',
    })
  const version = await next(plain)
  if (version !== PROTOCOL_VERSION)
    throw fail(`format version ${shown(version)}, expected ${PROTOCOL_VERSION}`)
  const system = await next(plain)
  if (!(system instanceof Map) || system.get('little_endian') !== true)
    throw fail('it was not written on a little-endian machine')

  let storages = new Map<string, StorageRef>()
  const root = await next(() => {
    const found = new Map<string, StorageRef>()
    storages = found
    return new PickleHost(source.name, options, (storage, id) => {
      if (id[5] !== null && id[5] !== undefined)
        throw new TorchFileError(source.name, 'has storage views, which only torch before 0.4 wrote', {
          advice: 'Load and save it again with a current torch.',
        })
      const known = found.get(storage.key)
      if (known && (known.dtype !== storage.dtype || known.numel !== storage.numel))
        throw fail(`storage ${storage.key} is described in two ways`)
      found.set(storage.key, known ?? storage)
      return known ?? storage
    })
  })
  const keys = await next(plain)
  if (!Array.isArray(keys) || keys.length !== storages.size) throw fail('its list of storages')

  const offsets = new Map<string, number>()
  for (const key of keys) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined
    if (!storage || offsets.has(storage.key)) throw fail(`storage ${shown(key)} is listed but not used`)
    const numel = viewOf(await source.read(at, 8)).getBigInt64(0, true)
    if (numel !== BigInt(storage.numel))
      throw fail(`storage ${storage.key} has ${numel} elements, expected ${storage.numel}`)
    offsets.set(storage.key, at + 8)
    at += 8 + storage.numel * ITEM_BYTES[storage.dtype]
  }
  // With no checksum to look at, the exact length is the one sign of a truncated file.
  if (at !== source.size) throw fail(`it should have ${at} bytes and has ${source.size}`)
  return {
    name: source.name,
    format: 'legacy',
    archiveName: '',
    root,
    readSerializationId: async () => undefined,
    storageBytes: (storage) => (offset, length) => source.read(offsets.get(storage.key)! + offset, length),
    verify: async () => {},
    close: () => source.close(),
  }
}
