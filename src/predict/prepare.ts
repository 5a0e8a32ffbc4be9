import { damagedPartFile } from '../checkpoint/index.ts'
import { type ReadOptions, readSequences, type SequenceRecord } from '../fasta/index.ts'
import { filteredBy, openChunks, silenceOf } from '../sequence/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import type { UsageError } from '../system/errors.ts'
import type { Run } from './context.ts'
import type { PreparedFiles } from './intermediates.ts'
import { contentOf, type Part, PartFilling } from './part.ts'

/** A part, and whether an earlier start has finished it. */
export interface PreparedPart {
  part: Part
  done: boolean
}

/**
 * All parts of the input, each with the word whether an earlier start has finished it.
 *
 * @param files - where chunks, frames and parts are written, when they are to be kept
 */
export async function* prepare(run: Run, files: PreparedFiles | undefined): AsyncGenerator<PreparedPart> {
  const { folder, inputs, logger, monitor, records, stats } = run
  const { counts } = stats
  const options = await readOptions(run)
  for await (const part of monitor.timed('reading', partsOf(run, options, files))) {
    counts.parts = part.number
    stats.framesPrepared(part.ids.length)
    await records.drain()
    const done = folder.status === 'resumed' && (await isFinished(run, part))
    await files?.writePart(part)
    if (done) stats.framesDone(part.ids.length, true)
    yield { part, done }
  }
  if (!folder.inputsProven && (await folder.hasPartsAfter(counts.parts)))
    throw otherStream(run, counts.parts + 1)
  await folder.recordInputs(inputs.described)
  stats.inputRead = true
  if (counts.framesDoneBefore > 0) logger.info(`${counts.framesDoneBefore} frames were already done`)
}

async function readOptions({ folder, inputs, options, records, signal }: Run): Promise<ReadOptions> {
  return {
    ...records.readOptions(options.onInvalid, await folder.makeWorkFolder(), signal),
    allowEmpty: options.allowEmpty,
    duplicateIds: options.duplicateIds,
    onInputRead: (index, read) => {
      inputs.take(index, read)
      folder.compareInputs(inputs.described)
    },
  }
}

/**
 * Cuts the records into chunks, translates each chunk in six frames, keeps the frames without a stop codon and gathers
 * them into parts. Holds one record and one part at a time.
 */
async function* partsOf(
  { options, leftOut, signal, stats, structure }: Run,
  read: ReadOptions,
  files: PreparedFiles | undefined,
): AsyncGenerator<Part> {
  const { expectedLength, sequencesPerFile } = options
  // Those without a single residue, as Broad's fork does.
  const keepEmpty = options.layout === 'broad'
  const filling = new PartFilling(sequencesPerFile)
  for await (const records of readSequences(options.inputs, read)) {
    for (const record of records) yield* addRecord(record)
    await files?.drain()
    signal.throwIfAborted()
  }
  const rest = filling.rest()
  if (rest !== undefined) yield rest
  leftOut.finish()

  /** Yields each part that a record fills. */
  function* addRecord(record: SequenceRecord): Generator<Part> {
    const { id, sequence, source } = record
    leftOut.next()
    stats.record(source, sequence.length)
    const filtered = filteredBy(sequence, options)
    if (filtered !== undefined) {
      structure.leftOut(id, source, filtered, sequence.length)
      stats.recordFiltered(sequence.length)
      return
    }
    structure.record(id, source, sequence.length)
    for (const { index, chunk, frames } of openChunks(sequence, expectedLength, { keepEmpty })) {
      const chunkId = `${id}_chunk_${index}`
      files?.addChunk(chunkId, chunk)
      stats.chunk(chunk.length, frames.length)
      structure.chunk(frames, () => silenceOf(chunk))
      for (const { frame, nucleotide, protein } of frames) {
        const frameId = chunkId + frame
        files?.addFrame(frameId, nucleotide, protein)
        const full = filling.add(frameId, nucleotide, protein)
        if (full !== undefined) yield full
      }
    }
    structure.endRecord(record)
  }
}

/**
 * The parts of a run that has finished, as {@link prepare} has made them.
 *
 * @param tempDir - for what does not fit into memory while the input is read
 */
export async function* partsAgain(
  options: PredictOptions,
  tempDir: string,
  signal: AbortSignal,
): AsyncGenerator<Part> {
  const { expectedLength, sequencesPerFile, onInvalid, allowEmpty, duplicateIds } = options
  const keepEmpty = options.layout === 'broad'
  const filling = new PartFilling(sequencesPerFile)
  const read = { onInvalid, allowEmpty, duplicateIds, tempDir, signal, onInvalidRecord: () => {} }
  for await (const records of readSequences(options.inputs, read)) {
    for (const record of records) yield* partsFilled(record)
    signal.throwIfAborted()
  }
  const rest = filling.rest()
  if (rest !== undefined) yield rest

  function* partsFilled({ id, sequence }: SequenceRecord): Generator<Part> {
    if (filteredBy(sequence, options) !== undefined) return
    for (const { index, frames } of openChunks(sequence, expectedLength, { keepEmpty }))
      for (const { frame, nucleotide, protein } of frames) {
        const full = filling.add(`${id}_chunk_${index}${frame}`, nucleotide, protein)
        if (full !== undefined) yield full
      }
  }
}

async function isFinished(run: Run, part: Part): Promise<boolean> {
  const { folder, logger, options, paths } = run
  const found = await folder.finishedPart(part.number, part.ids, contentOf(part))
  if (found === undefined) return false
  if (found === 'other') {
    if (!folder.inputsProven) throw otherStream(run, part.number)
    logger.warn(`part ${part.number} was computed from another content of the input: it is computed again`)
    return false
  }
  if (!options.keepIntermediate) return true
  const files = (await folder.rechecked(part.number))?.files ?? found.files
  const damage = await damagedPartFile(paths, part.number, files)
  if (damage === undefined) return true
  logger.warn(`${damage.path} ${damage.problem}: part ${part.number} is computed again`)
  return false
}

function otherStream({ inputs, paths }: Run, part: number): UsageError {
  return inputs.otherStream(`in ${paths.root}`, part, { code: 'place-taken', data: { path: paths.root } })
}
