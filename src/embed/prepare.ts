import { type RunFolder, readPartRows } from '../checkpoint/index.ts'
import { type ReadOptions, readSequences, type SequenceRecord } from '../fasta/index.ts'
import type { Part, WindowPart } from '../predict/index.ts'
import { filteredBy } from '../sequence/index.ts'
import { DataError, type UsageError } from '../system/errors.ts'
import { count } from '../text/numbers.ts'
import type { EmbedRun } from './context.ts'
import { digestOf, KINDS, PartBuilder, type UnitPart } from './units.ts'

/** All parts of the input, each with the word whether an earlier start has finished it. */
export async function* preparedParts(run: EmbedRun): AsyncGenerator<WindowPart> {
  const { folder, inputs, logger, monitor, paths, records, stats } = run
  const { counts } = stats
  for await (const part of monitor.timed('reading', partsOf(run, await readOptions(run)))) {
    counts.parts = part.number
    stats.frames.prepared += part.ids.length
    await records.drain()
    const state = folder.status === 'resumed' ? await isDone(folder, part) : 'open'
    if (state === 'other') {
      if (!folder.inputsProven) throw otherStream(run, part.number)
      logger.warn(`part ${part.number} was computed from another content of the input: it is computed again`)
    }
    const done = state === 'done'
    if (done) stats.framesDone(part.ids.length, true)
    yield { part, done }
  }
  if (!folder.inputsProven && (await folder.hasPartsAfter(counts.parts)))
    throw otherStream(run, counts.parts + 1)
  await folder.recordInputs(inputs.described)
  stats.inputRead = true
  if (counts.framesDoneBefore > 0) logger.info(`${counts.framesDoneBefore} sequences were already done`)
  if (counts.parts === 0) logger.warn(`there is nothing to embed: ${paths.output} holds no embedding`)
}

async function readOptions(run: EmbedRun): Promise<ReadOptions> {
  const { folder, inputs, options, records, signal, units } = run
  return {
    ...records.readOptions(options.onInvalid, await folder.makeWorkFolder(), signal),
    alphabet: units.alphabet,
    allowEmpty: options.allowEmpty,
    duplicateIds: options.duplicateIds,
    onInputRead: (index, read) => {
      inputs.take(index, read)
      folder.compareInputs(inputs.described)
    },
  }
}

async function* partsOf(run: EmbedRun, read: ReadOptions): AsyncGenerator<UnitPart> {
  const { options, signal, stats, units } = run
  const kind = KINDS[units.of]
  const builder = new PartBuilder(kind.columns)
  for await (const records of readSequences(options.inputs, read)) {
    for (const record of records) {
      if (!isTaken(run, record, read)) continue
      for (const unit of kind.units(record, units, (bases, found) => stats.chunk(bases, found))) {
        const part = builder.add(unit)
        if (part !== undefined) yield part
      }
    }
    signal.throwIfAborted()
  }
  const rest = builder.rest()
  if (rest !== undefined) yield rest
}

/** Counts a record. @returns whether anything of it is embedded */
function isTaken(run: EmbedRun, record: SequenceRecord, read: ReadOptions): boolean {
  const { options, stats, units } = run
  const { length } = record.sequence
  const isFiltered = filteredBy(record.sequence, options) !== undefined
  if (!isFiltered && units.of === 'records' && !isShort(run, record, read)) return false
  stats.record(record.source, length)
  if (isFiltered) stats.recordFiltered(length)
  return !isFiltered
}

/** Whether a record is embedded, whole or its beginning: what is longer than the model is given never passes in silence. */
function isShort(
  { options, units: { alphabet, maxLength } }: EmbedRun,
  { id, line, sequence, source }: SequenceRecord,
  { onInvalidRecord }: ReadOptions,
): boolean {
  if (sequence.length <= maxLength) return true
  const unit = alphabet === 'protein' ? 'residue' : 'base'
  const what = `${source}:${line}: record ${JSON.stringify(id)} has ${count(sequence.length, unit)}`
  if (options.tooLong === 'fail')
    throw new DataError(`${what}, more than the ${maxLength} that are embedded`, {
      detail: { code: 'too-long', data: { id } },
    })
  const isCut = options.tooLong === 'cut'
  onInvalidRecord?.({
    id,
    line,
    source,
    reason: 'too_long',
    message: `${what}${isCut ? `: the first ${maxLength} are embedded` : `, more than the ${maxLength} that are embedded`}`,
    outcome: isCut ? 'kept' : 'left_out',
  })
  return isCut
}

function otherStream({ inputs, paths }: EmbedRun, part: number): UsageError {
  return inputs.otherStream(`for ${paths.output}`, part, {
    code: 'output-taken',
    data: { path: paths.output },
  })
}

/** Whether an earlier start has finished a part with this content. */
async function isDone(folder: RunFolder, part: Part): Promise<'done' | 'other' | 'open'> {
  const found = await readPartRows(folder.files.rows(part.number))
  if (found === undefined || found.failed.length > 0) return 'open'
  return found.content === digestOf(part) ? 'done' : 'other'
}
