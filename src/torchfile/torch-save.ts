import { PickleWriter, type Writable } from './pickle-writer.ts'
import { type ByteSink, TorchZipWriter } from './zip-writer.ts'

/** How a file is written. */
export interface TorchSaveOptions {
  /** First folder of the members: `archiveNameOf(path)` gives what torch.save uses. */
  archiveName: string
  /** 40 digits to write instead of the computed ones, to repeat a file whose id is known. */
  serializationId?: string
}

/**
 * The archive name torch.save(obj, path) derives from a path: the file name without its last extension,
 * or `archive` when the path is not ASCII (torch then writes through a Python file object).
 */
export function archiveNameOf(path: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the ASCII range is what decides
  if (!/^[\x00-\x7f]*$/.test(path)) return 'archive'
  const name = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)
  const dot = name.lastIndexOf('.')
  return dot < 0 ? name : name.slice(0, dot)
}

/** Storages go out in pieces, so that a sink can put pressure back. */
function* pieces(values: Float32Array): Generator<Uint8Array> {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  for (let at = 0; at < bytes.length; at += 2 ** 20) yield bytes.subarray(at, at + 2 ** 20)
}

/**
 * Writes what torch.save of torch 2.8 (checked on Python 3.11) writes for the same object, byte for byte.
 * Needs about 1 MiB beside the value itself.
 */
export async function writeTorchZip(
  value: Writable,
  sink: ByteSink,
  options: TorchSaveOptions,
): Promise<void> {
  const zip = new TorchZipWriter(options.archiveName, sink)
  const text = (content: string) => [new TextEncoder().encode(content)]
  const pickle = new PickleWriter()
  await zip.member('data.pkl', pickle.write(value))
  await zip.member('.format_version', text('1'))
  await zip.member('.storage_alignment', text('64'))
  await zip.member('byteorder', text('little'))
  for (const [key, tensor] of pickle.tensors.entries())
    await zip.member(`data/${key}`, pieces(tensor.values), tensor.values.length === 0)
  await zip.member('version', text('3\n'))
  await zip.finish(options.serializationId)
}

/** The same as bytes, for files that fit in memory twice. */
export async function encodeTorchZip(value: Writable, options: TorchSaveOptions): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  await writeTorchZip(value, (chunk) => void chunks.push(chunk), options)
  return new Uint8Array(Bun.concatArrayBuffers(chunks))
}
