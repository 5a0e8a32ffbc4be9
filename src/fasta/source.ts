import { fstatSync, type Stats } from 'node:fs'
import { access, constants, stat } from 'node:fs/promises'
import { isatty } from 'node:tty'
import { descriptorOf } from '../system/descriptor.ts'
import { systemProblem } from '../system/problems.ts'
import { FastaError } from './errors.ts'

/** An input that can be read, and how. */
export interface InputSource {
  /** As typed; `-` is standard input. */
  readonly input: string
  /** Name in records and messages, `<stdin>` for `-`. */
  readonly name: string
  /** A stream, such as a pipe, gives its bytes once. */
  readonly kind: 'file' | 'stream'
  /** Of a stream that this process was given open; it is never opened again, as its writer may have gone by then. */
  readonly descriptor: number | undefined
  /** A regular file, also when it is standard input. */
  readonly isRegular: boolean
  readonly device: number
  readonly inode: number
}

/** Name of an input in records and messages. */
export function sourceName(input: string): string {
  return input === '-' ? '<stdin>' : input
}

/** The null device of Linux, as `st_rdev` has it; source: Documentation/admin-guide/devices.txt, 1:3. */
const NULL_DEVICE = 0x103

/**
 * Finds what cannot be read before hours are spent on the inputs before it. Nothing is opened or read.
 *
 * @throws FastaError for the first input that cannot be read, and for a stream that is named twice
 */
export async function inspectInputs(inputs: readonly string[]): Promise<InputSource[]> {
  const sources: InputSource[] = []
  for (const input of inputs) {
    const source = await inspectInput(input)
    const twin = sources.find((other) => isSameStream(other, source))
    if (twin !== undefined) {
      const same = twin.name === source.name ? '' : ` (${twin.name} is the same)`
      throw new FastaError(`${source.name}: ${isStandardInput(source)} can be given only once${same}`, {
        source: source.name,
        reason: 'stream_twice',
      })
    }
    sources.push(source)
  }
  return sources
}

function isSameStream(a: InputSource, b: InputSource): boolean {
  if (a.kind === 'file' || b.kind === 'file') return false
  return a.descriptor === b.descriptor && a.descriptor !== undefined
    ? true
    : a.device === b.device && a.inode === b.inode
}

function isStandardInput({ descriptor }: InputSource): string {
  return descriptor === 0 ? 'standard input ("-")' : 'a pipe'
}

async function inspectInput(input: string): Promise<InputSource> {
  const name = sourceName(input)
  const descriptor = descriptorOf(input)
  let found: Stats
  try {
    found = descriptor === undefined ? await stat(input) : fstatSync(descriptor)
    if (found.isFile() && input !== '-') await access(input, constants.R_OK)
  } catch (cause) {
    throw openError(name, cause)
  }
  const isRegular = found.isFile()
  const what = descriptor === undefined ? unreadablePath(found) : unreadableDescriptor(found, descriptor)
  if (what !== undefined) {
    throw new FastaError(`${name}: ${what}`, {
      source: name,
      reason: found.isDirectory() ? 'directory' : 'not_a_file',
    })
  }
  // A regular file behind `/dev/stdin` can be opened by that name again and again; what `-` gives goes on from where it is.
  const kind = isRegular && input !== '-' ? 'file' : 'stream'
  return {
    input,
    name,
    kind,
    descriptor: kind === 'stream' ? descriptor : undefined,
    isRegular,
    device: found.dev,
    inode: found.ino,
  }
}

const GIVE_FILES = 'give FASTA or FASTQ files, or pipes'

function unreadablePath(found: Stats): string | undefined {
  if (found.isDirectory()) return 'this is a directory; give the FASTA or FASTQ files in it'
  if (found.isSocket()) return `this is a socket, which cannot be opened by its name; ${GIVE_FILES}`
  if (found.isCharacterDevice() || found.isBlockDevice()) return `this is a device; ${GIVE_FILES}`
  return undefined
}

/** Open already, a socket can be read, and so can a terminal. */
function unreadableDescriptor(found: Stats, descriptor: number): string | undefined {
  if (found.isSocket() || found.isFIFO() || found.isFile()) return undefined
  if (found.isDirectory()) return unreadablePath(found)
  if (found.isCharacterDevice() && (found.rdev === NULL_DEVICE || isatty(descriptor))) return undefined
  return `this is a device; ${GIVE_FILES}`
}

/** Why an input could not be opened or read. */
export function openError(name: string, cause: unknown): FastaError {
  const { code } = cause as NodeJS.ErrnoException
  const problem = systemProblem(cause, 'read')
  const kind = problem === undefined ? {} : { kind: problem.kind }
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    const data = { source: name, reason: 'not_found', cause, ...kind } as const
    return new FastaError(`${name}: no such file; check the path`, data)
  }
  if (code === 'EBADF') {
    const data = { source: name, reason: 'not_found', cause, kind: 'noInput' } as const
    return new FastaError(`${name}: this process was given no such open file; check the command`, data)
  }
  const why =
    problem === undefined ? String((cause as Error).message) : `${problem.reason}; ${problem.remedy}`
  return new FastaError(`${name}: cannot be read: ${why}`, {
    source: name,
    reason: 'unreadable',
    cause,
    ...kind,
  })
}
