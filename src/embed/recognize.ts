import { inspectInputs, readSequences, type SequenceAlphabet } from '../fasta/index.ts'
import { UsageError } from '../system/errors.ts'

/** So many records that look like protein say what the input is. */
const ENOUGH = 20
/** What is read where none does. */
const SAMPLE_BASES = 1 << 16

class Recognized extends Error {}

/**
 * Whether the first input holds DNA or proteins, by its first records.
 *
 * @throws UsageError for a stream, which can be read only once
 */
export async function recognizeAlphabet(
  inputs: readonly string[],
  signal?: AbortSignal,
): Promise<SequenceAlphabet> {
  const [source] = await inspectInputs(inputs)
  if (source === undefined) return 'dna'
  if (source.kind === 'stream')
    throw new UsageError(
      `${source.name} is a stream, which can be read only once: whether it holds DNA or proteins has to be known before`,
      { detail: { code: 'alphabet-unknown', data: {} } },
    )
  let proteins = 0
  let others = 0
  const records = readSequences([source.input], {
    onInvalid: 'skip',
    batchBases: SAMPLE_BASES,
    ...(signal !== undefined && { signal }),
    onInvalidRecord({ reason }) {
      if (reason === 'protein' && ++proteins >= ENOUGH) throw new Recognized()
    },
  })
  try {
    for await (const batch of records) {
      others = batch.length
      break
    }
  } catch (error) {
    if (!(error instanceof Recognized)) throw error
  }
  return proteins > others ? 'protein' : 'dna'
}
