import type { ByteSource } from './byte-source.ts'
import { TorchFileError } from './errors.ts'
import { MAX_PICKLE_BYTES } from './limits.ts'
import { PickleHost, type PickleOptions } from './pickle-host.ts'
import { PickleReader } from './pickle-reader.ts'
import type { StorageRef } from './tensor.ts'
import type { TorchContainer } from './torch-file.ts'
import { ZipArchive } from './zip-archive.ts'

const SMALL_MEMBER_BYTES = 4096

/** The folder that holds everything; torch names it after the file. */
function archivePrefix(zip: ZipArchive, name: string): string {
  const pickle = [...zip.members.keys()].filter((member) => /^[^/]*\/data\.pkl$/.test(member))
  if (pickle.length !== 1)
    throw new TorchFileError(name, 'is a zip file but not one of torch.save: it has no data.pkl', {
      advice: 'Give a file written by torch.save.',
    })
  const prefix = pickle[0]!.slice(0, -'data.pkl'.length)
  const stranger = [...zip.members.keys()].find((member) => !member.startsWith(prefix))
  if (stranger !== undefined)
    throw new TorchFileError(name, `member ${stranger} does not belong to folder ${prefix}`)
  if (zip.members.has(`${prefix}constants.pkl`))
    throw new TorchFileError(name, 'is a TorchScript program, not a file of weights', {
      advice: 'Save the state_dict() of the model in Python.',
    })
  return prefix
}

/** Opens the format torch.save writes since 1.6. The source is closed with the file. */
export async function openTorchZip(source: ByteSource, options: PickleOptions): Promise<TorchContainer> {
  const zip = await ZipArchive.open(source)
  if (options.strict) await zip.verifyLayout()
  const prefix = archivePrefix(zip, source.name)
  const text = async (member: string): Promise<string | undefined> =>
    zip.members.has(prefix + member)
      ? new TextDecoder().decode(await zip.read(prefix + member, SMALL_MEMBER_BYTES)).trim()
      : undefined
  const order = (await text('byteorder')) ?? 'little'
  if (order !== 'little')
    throw new TorchFileError(source.name, `byte order is ${order}, only little can be read`, {
      advice: 'Save it again on a little-endian machine.',
    })
  const storages = new Map<string, StorageRef>()
  const host = new PickleHost(source.name, options, (storage) => {
    const known = storages.get(storage.key)
    if (known?.dtype === storage.dtype && known.numel === storage.numel) return known
    const member = zip.member(`${prefix}data/${storage.key}`)
    if (member.size !== storage.byteLength)
      throw new TorchFileError(
        source.name,
        `storage ${storage.key} should have ${storage.byteLength} bytes, its member has ${member.size}`,
      )
    storages.set(storage.key, storage)
    return storage
  })
  const reader = new PickleReader(await zip.read(`${prefix}data.pkl`, MAX_PICKLE_BYTES), host)
  const root = reader.read()
  return {
    name: source.name,
    format: 'zip',
    archiveName: prefix.slice(0, -1),
    root,
    readSerializationId: () => text('.data/serialization_id'),
    storageBytes: (storage) => (offset, length) =>
      zip.readRange(`${prefix}data/${storage.key}`, offset, length),
    verify: () => zip.verify(),
    close: () => source.close(),
  }
}
