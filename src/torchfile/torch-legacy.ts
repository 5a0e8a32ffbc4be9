import { type ByteSource, viewOf } from './byte-source.ts'
import { ITEM_BYTES } from './dtype.ts'
import { TorchFileError } from './errors.ts'
import { MAX_PICKLE_BYTES } from './limits.ts'
import { PickleHost, type PickleOptions } from './pickle-host.ts'
import { PickleReader, PickleTruncatedError } from './pickle-reader.ts'
import type { StorageRef } from './tensor.ts'
import type { TorchContainer } from './torch-file.ts'
import type { PyValue } from './values.ts'

const MAGIC = 0x1950a86a20f9469cfc6cn
const PROTOCOL_VERSION = 1001
const FIRST_WINDOW = 2 ** 20

/** Reads pickles that follow each other in a file and whose lengths are not written anywhere. */
class PickleSequence {
  offset = 0
  readonly #source: ByteSource
  constructor(source: ByteSource) {
    this.#source = source
  }

  /** `makeHost` is called for each attempt, because a window that was too short is read again from the start. */
  async next(makeHost: () => PickleHost): Promise<PyValue> {
    const rest = this.#source.size - this.offset
    for (let window = FIRST_WINDOW; ; window *= 4) {
      const length = Math.min(window, rest, MAX_PICKLE_BYTES)
      const reader = new PickleReader(await this.#source.read(this.offset, length), makeHost())
      try {
        const value = reader.read()
        this.offset += reader.position
        return value
      } catch (error) {
        const more = length < Math.min(rest, MAX_PICKLE_BYTES)
        if (!(error instanceof PickleTruncatedError && more)) throw error
      }
    }
  }
}

/**
 * Opens the format of torch before 1.6: five pickles (magic, version, system, object, storage keys), then
 * each storage as a 64-bit element count and its bytes. There are no checksums. The source is closed with the file.
 */
export async function openTorchLegacy(source: ByteSource, options: PickleOptions): Promise<TorchContainer> {
  const fail = (what: string) => new TorchFileError(source.name, `is damaged or truncated: ${what}`)
  const sequence = new PickleSequence(source)
  const plain = () =>
    new PickleHost(source.name, {}, () => {
      throw fail('a storage before the object')
    })
  if ((await sequence.next(plain)) !== MAGIC)
    throw new TorchFileError(source.name, 'is a pickle but not one of torch.save', {
      advice: 'Give a file written by torch.save.',
    })
  const version = await sequence.next(plain)
  if (version !== PROTOCOL_VERSION)
    throw fail(`format version ${String(version)}, expected ${PROTOCOL_VERSION}`)
  const system = await sequence.next(plain)
  if (!(system instanceof Map) || system.get('little_endian') !== true)
    throw fail('it was not written on a little-endian machine')

  let storages = new Map<string, StorageRef>()
  const root = await sequence.next(() => {
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
  const keys = await sequence.next(plain)
  if (!Array.isArray(keys) || keys.length !== storages.size) throw fail('its list of storages')

  const offsets = new Map<string, number>()
  let at = sequence.offset
  for (const key of keys) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined
    if (!storage || offsets.has(storage.key)) throw fail(`storage ${String(key)} is listed but not used`)
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
