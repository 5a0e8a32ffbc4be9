import { lstat, open } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { reader, STATE_FILES } from '../layout/index.ts'
import { everyLine } from '../system/lines.ts'

const { manifest, sorted, scores, partial, journal, adopted } = STATE_FILES
const isSorted = reader(sorted)
/** With a magic number. */
const MARKED = [scores, partial, journal, adopted].map(reader)

/**
 * Whether a file in the state of a run without a record, one of version 0.1.0, is of the run: by its name, and by how it
 * begins where that says something.
 */
export async function isStateFile(state: string, path: string): Promise<boolean> {
  if (!(await lstat(path)).isFile()) return false
  const name = resolve(path).slice(resolve(state).length + 1)
  // Whoever asks has read it as one.
  if (name === manifest) return true
  if (/^(work\/)?\.[\w.]+\.tmp$/.test(name) || isSorted(name) !== undefined) return true
  if (MARKED.every((read) => read(name) === undefined)) return false
  const magic = await firstBytes(path, 8)
  return magic === '' || /^VNP(SCOR|JRNL)\d$/.test(magic)
}

/**
 * Whether a file that cannot be read as a checkpoint is what a run that was killed leaves of one: its beginning. Source:
 * torch.save, whose archive begins with the member `NAME/data.pkl`.
 */
export async function beginsAsCheckpoint(path: string): Promise<boolean> {
  if (!/^(output_\d+(_\w+)?|batch_\d+)\.(pt|tmp)$/.test(basename(path).replace(/^\.(.+\.pt)\.tmp$/, '$1')))
    return false
  const bytes = Buffer.from(await firstBytes(path, 300), 'latin1')
  if (bytes.length < 30 || bytes.readUInt32LE(0) !== 0x04034b50) return false
  return /^[^/]+\/data\.pkl$/.test(bytes.toString('latin1', 30, 30 + bytes.readUInt16LE(26)))
}

/** The beginning of a file, one letter for each byte. */
export async function firstBytes(path: string, count: number): Promise<string> {
  await using file = await open(path)
  const bytes = Buffer.alloc(count)
  const { bytesRead } = await file.read(bytes, 0, count, 0)
  return bytes.toString('latin1', 0, bytesRead)
}

/** Names that runs give to records. */
const NAMES = { chunks: /^>.+_chunk_\d+( .*)?$/, frames: /^>.+_chunk_\d+[FR][123]( .*)?$/ }

/** Whether every record of a FASTA file has a name as runs give it to chunks, or to frames. */
export async function isFastaOfRun(path: string, of: keyof typeof NAMES): Promise<boolean> {
  return await everyLine(
    path,
    (line, number) => NAMES[of].test(line) || (number > 1 && !line.startsWith('>')),
  )
}
