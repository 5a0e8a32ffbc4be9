import { orClose } from '../system/or-close.ts'
import { type ByteSource, fileSource, memorySource } from './byte-source.ts'
import { TorchFileError } from './errors.ts'
import type { PickleOptions } from './pickle-host.ts'
import { TorchFile } from './torch-file.ts'
import { openTorchLegacy } from './torch-legacy.ts'
import { openTorchZip } from './torch-zip.ts'
import { ZipArchive } from './zip-archive.ts'

/** What else people have under a `.pt` name, by the first bytes. */
function describe(head: Uint8Array): string {
  const text = Buffer.from(head).toString('latin1')
  if (text.startsWith('version https://git-lfs')) return 'is a Git LFS pointer, not the file itself'
  if (/^\s*<(!doctype|html)/i.test(text)) return 'is a web page, probably an error message of a download'
  if (text.startsWith('{"') || text[8] === '{') return 'looks like JSON or safetensors, not like torch.save'
  if (text.startsWith('\x1f\x8b')) return 'is compressed with gzip'
  if (text.startsWith('>')) return 'is a FASTA file'
  if (text.slice(257, 262) === 'ustar') return 'is in the tar format of torch before 0.1.10'
  return 'is not a file of torch.save (neither zip nor pickle)'
}

async function openSource(source: ByteSource, options: PickleOptions): Promise<TorchFile> {
  const open = (await hasChecksums(source)) ? openTorchZip : openTorchLegacy
  return new TorchFile(await open(source, options))
}

/** Whether it is a zip file, and not a bare pickle. @throws TorchFileError for anything else */
async function hasChecksums(source: ByteSource): Promise<boolean> {
  if (source.size === 0)
    throw new TorchFileError(source.name, 'the file is empty (0 bytes); an earlier run probably failed')
  const head = await source.read(0, Math.min(source.size, 512))
  if (head[0] === 0x50 && head[1] === 0x4b && head[2] === 3 && head[3] === 4) return true
  if (head[0] === 0x80) return false
  throw new TorchFileError(source.name, describe(head), { advice: 'Give a file written by torch.save.' })
}

/**
 * Opens a PyTorch file without running anything in it and without reading its tensors.
 * The object tree is read and its checksum compared; every tensor's place is checked against the file's size.
 * @throws UnsafePickleError when the pickle wants more than data; TorchFileError when it is damaged or not a PyTorch file
 */
export async function openTorchFile(path: string, options: PickleOptions = {}): Promise<TorchFile> {
  const source = await fileSource(path)
  return await orClose(source, () => openSource(source, options))
}

/**
 * Reads a small file, or bytes already in memory, with every checksum verified.
 * `close` need not be called on the result.
 * @throws as `openTorchFile`
 */
export async function readTorchFile(
  input: string | Uint8Array,
  options: PickleOptions & { name?: string } = {},
): Promise<TorchFile> {
  let bytes = input
  if (typeof bytes === 'string') {
    const source = await fileSource(bytes)
    try {
      bytes = await source.read(0, source.size)
    } finally {
      await source.close()
    }
  }
  const name = options.name ?? (typeof input === 'string' ? input : 'bytes in memory')
  const file = await openSource(memorySource(bytes, name), options)
  await file.verify()
  return file
}

/**
 * Reads every byte of a PyTorch file and compares it with the checksums inside; no object is made of it.
 * @returns false for the older format, which has none
 * @throws TorchFileError when it is damaged or not a PyTorch file
 */
export async function verifyTorchFile(path: string): Promise<boolean> {
  const source = await fileSource(path)
  try {
    const isZip = await hasChecksums(source)
    if (isZip) await (await ZipArchive.open(source)).verify()
    return isZip
  } finally {
    await source.close()
  }
}
