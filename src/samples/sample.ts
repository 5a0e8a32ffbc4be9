import { FastaError, inspectInputs } from '../fasta/index.ts'
import { type LayoutName, SAMPLES_FILES, stemOf } from '../layout/index.ts'
import { NoInputError, UsageError } from '../system/errors.ts'
import { printable } from '../system/printable.ts'
import { descriptorOf } from '../system/same-file.ts'

/** Files that are one sample, in the order in which they are read. */
export interface Sample {
  /** Also the name of its folder, and how the names of its files begin. */
  readonly name: string
  readonly inputs: readonly string[]
}

/** With the longest ending of a file of a run, and what is put behind the name of a lock, it fits into a name of 255 bytes. */
const NAME_BYTES = 150

/** Why a sample cannot have a name; undefined where it can. */
export function nameFault(name: string): string | undefined {
  if (name === '') return 'it is empty'
  if (/[/\\]/.test(name)) return 'it has a slash'
  if (printable(name) !== name) return 'it has a control character, or one that takes no room'
  if (name.trim() !== name) return 'it begins or ends with a blank'
  if (name.startsWith('.')) return 'it begins with a dot'
  if (Buffer.byteLength(name) > NAME_BYTES) return `it has more than ${NAME_BYTES} bytes`
  const taken = Object.values(SAMPLES_FILES).find((file) => file === name.toLowerCase())
  return taken === undefined ? undefined : `${taken} is written beside the folders of samples`
}

/** Equal for names that some file system takes for one. */
export function foldedName(name: string): string {
  return name.normalize('NFC').toLowerCase()
}

/** Why a file cannot be one of a sample; undefined where it can. It is not opened. */
export async function fileFault(path: string): Promise<string | undefined> {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(path))
    return `${path}: this is an address; download it and name the file`
  const stream = `${path}: samples are read from files, and this is a pipe or an open descriptor`
  if (descriptorOf(path) !== undefined) return stream
  try {
    const [source] = await inspectInputs([path])
    return source?.kind === 'file' ? undefined : stream
  } catch (error) {
    if (error instanceof FastaError) return error.message
    throw error
  }
}

/** @throws NoInputError with every file that cannot be read, or not twice */
export async function requireReadable(samples: readonly Sample[]): Promise<void> {
  const faults: string[] = []
  for (const { name, inputs } of samples)
    for (const path of inputs) {
      const fault = await fileFault(path)
      if (fault !== undefined) faults.push(`sample ${JSON.stringify(name)}: ${fault}`)
    }
  if (faults.length > 0) throw new NoInputError(faults)
}

/**
 * A sample for each file, called as a run over it alone would be.
 * @throws UsageError for names that cannot be those of folders, or not at the same time
 */
export function samplesPerInput(inputs: readonly string[], layout: LayoutName): Sample[] {
  const samples = inputs.map((input) => ({ name: stemOf(input, layout), inputs: [input] }))
  requireSamples(samples)
  return samples
}

/** @throws UsageError for names that cannot be those of folders, or not at the same time */
export function requireSamples(samples: readonly Sample[]): void {
  const seen = new Map<string, Sample>()
  const faults = samples.flatMap((sample) => {
    const { name, inputs } = sample
    const of = `${inputs.join(', ')}: a sample cannot be called ${JSON.stringify(name)}:`
    const fault = nameFault(name)
    if (fault !== undefined) return [`${of} ${fault}`]
    const twin = seen.get(foldedName(name))
    seen.set(foldedName(name), sample)
    return twin === undefined
      ? []
      : [`${of} ${twin.inputs.join(', ')} is ${JSON.stringify(twin.name)} already`]
  })
  if (samples.length === 0) faults.push('there is no sample')
  if (faults.length > 0) throw new UsageError(faults, { detail: { code: 'sample-names', data: {} } })
}
