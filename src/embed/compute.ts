import { KEY_BYTES, writePartRows } from '../checkpoint/index.ts'
import {
  describeWork,
  dispatcherWhenReady,
  type EmbeddedPart,
  embedWindow,
  ListFile,
  overlapped,
  windowsOf,
  windowsUnderWay,
} from '../predict/index.ts'
import { removeFile } from '../system/kept-files.ts'
import { foreign } from '../system/printable.ts'
import { count } from '../text/numbers.ts'
import type { EmbedRun } from './context.ts'
import { preparedParts } from './prepare.ts'
import { digestOf, type UnitPart } from './units.ts'

/** Has everything embedded that is not yet. @returns the number of sequences that could not be */
export async function compute(run: EmbedRun): Promise<number> {
  const { folder, inputs, logger, models, monitor, paths, signal, stats } = run
  const { backend } = models
  const dispatcher = dispatcherWhenReady({ backend, monitor, logger, signal })
  await using journals = new AsyncDisposableStack()
  await using records = run.records
  await using failures = new ListFile(paths.failed, ['id', 'model', 'reason'])
  // A journal holds what the file is made of in the end, that of a part which is done as well.
  const kept = {
    openJournal: folder.openJournal.bind(folder),
    removeJournal: () => Promise.resolve(),
  }
  const windows = overlapped(
    windowsOf(preparedParts(run), 1),
    () => windowsUnderWay(backend.concurrency),
    (window) =>
      embedWindow({ folder: kept, models, monitor, stats, logger }, { dispatcher, journals }, window),
  )
  let failed = 0
  try {
    for await (const { parts, journal } of windows) {
      // What is in it is on the disk before anything says that the part is done.
      await journal?.[Symbol.asyncDispose]()
      for (const part of parts) failed += await finishPart(run, part, failures)
    }
    await inputs.check(signal)
    await records.finish()
  } catch (error) {
    if (!signal.aborted) await inputs.blameChange(error)
    throw error
  }
  if (failures.isBegun) await failures.commit()
  else await removeFile(paths.failed)
  if (stats.frames.prepared > 0) logger.info(describeWork(stats.models, run.names))
  return failed
}

/** Records which rows a part has. @returns the number of those without an embedding */
async function finishPart(run: EmbedRun, embedded: EmbeddedPart, failures: ListFile): Promise<number> {
  const { folder, models, logger, stats, monitor } = run
  const part = embedded.part as UnitPart
  const { ids, number, columns } = part
  const failed = new Set<number>()
  for (const { row, step, reason } of embedded.failed) {
    failed.add(row)
    await failures.add([ids[row] ?? '', step, foreign(reason)])
  }
  await monitor.during('checkpoint', () =>
    writePartRows(folder.files.rows(number), {
      content: digestOf(part),
      ids,
      columns,
      keys: Object.fromEntries(models.inputs.map((input) => [input.model, keysOf(input.sequences(part))])),
      failed: [...failed],
    }),
  )
  stats.framesDone(ids.length)
  logger.note?.(`part ${number}: ${count(ids.length, 'sequence')} done`)
  return failed.size
}

function keysOf(sequences: readonly Uint8Array[]): string {
  const keys = new Uint8Array(sequences.length * KEY_BYTES)
  for (const [i, sequence] of sequences.entries())
    Bun.SHA256.hash(sequence, keys.subarray(i * KEY_BYTES, (i + 1) * KEY_BYTES))
  return Buffer.from(keys.buffer).toString('base64')
}
