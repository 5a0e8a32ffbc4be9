import { version } from '../../package.json' with { type: 'json' }
import { FileRecord, RUN_FORMAT, RunFolder, RunLock, type RunManifest } from '../checkpoint/index.ts'
import { madeBy, type OutputPaths, resultFiles } from '../layout/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import { keepFiles } from '../system/kept-files.ts'
import type { Logger } from '../system/logger.ts'
import { Beginning } from './beginning.ts'
import { filesInUse, type InUse, refuseFilesInUse } from './claim.ts'
import type { Computing } from './computing.ts'
import { RunInputs } from './inputs.ts'
import type { RunModels } from './models.ts'
import { placeOf } from './place.ts'
import { reuseBytes } from './reuse-of-run.ts'

/** The place of a run in its output folder, which no other run has until it is disposed of. */
export interface Place extends AsyncDisposable {
  options: PredictOptions
  paths: OutputPaths
  lock: RunLock
  record: FileRecord
  beginning: Beginning
}

/**
 * Takes the place of a run, and looks what is there.
 *
 * @param inUse - files that are read besides those of the options
 * @throws UsageError when names of the run are taken; LockedError when another run works there
 */
export async function takePlace(
  options: PredictOptions,
  inUse: readonly InUse[],
  logger: Logger,
): Promise<Place> {
  const paths = await placeOf({ ...options, input: options.inputs[0] ?? '-' }, logger)
  await refuseFilesInUse(paths, [...filesInUse(options), ...inUse])
  await using taken = new AsyncDisposableStack()
  const lock = taken.use(await RunLock.acquire(`${paths.state}.lock`))
  const { root, state } = paths
  const record = taken.use(await FileRecord.open({ root, state, covers: madeBy(paths), lock }))
  taken.use(keepFiles(record))
  const beginning = await Beginning.look({ paths, record, options })
  const held = taken.move()
  return { options, paths, lock, record, beginning, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

/** Describes the inputs of a run, and opens its state: begins it, or goes on with it. */
export async function openState(
  { options, paths, record, beginning }: Place,
  { models, start }: Computing,
  signal: AbortSignal,
): Promise<{ inputs: RunInputs; folder: RunFolder }> {
  const inputs = await RunInputs.open(options.inputs, signal)
  const folder = await RunFolder.open({
    path: paths.state,
    results: resultFiles(paths),
    manifest: describeRun(options, models, inputs),
    force: options.force,
    resume: options.resume,
    legacy: beginning.legacy,
    digestStreams: () => inputs.digestStreams(signal),
    record,
    async claim() {
      start()
      if (!beginning.risksNothing) await models.backend.ready()
      await beginning.claim()
    },
  })
  return { inputs, folder }
}

/** What decides whether an interrupted run may be continued. Speed settings are left out: they change no result. */
function describeRun(options: PredictOptions, models: RunModels, inputs: RunInputs): RunManifest {
  return {
    format: RUN_FORMAT,
    version,
    status: 'unfinished',
    inputs: [...inputs.described],
    settings: {
      expectedLength: options.expectedLength,
      sequencesPerFile: options.sequencesPerFile,
      layout: options.layout,
      keepIntermediate: options.keepIntermediate,
      onInvalid: options.onInvalid,
      duplicateIds: options.duplicateIds,
      ...filterOf(options),
    },
    models: models.identity,
    reuse: reuseBytes(options),
  }
}

/** The filters that are on: runs of versions without them had none. */
function filterOf({ minLength, maxAmbiguous }: Partial<PredictOptions>): RunManifest['settings'] {
  return {
    ...(minLength !== undefined && minLength > 0 && { minLength }),
    ...(maxAmbiguous !== undefined && maxAmbiguous < 1 && { maxAmbiguous }),
  }
}
