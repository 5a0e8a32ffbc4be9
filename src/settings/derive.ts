import { basename } from 'node:path'
import { descriptorOf } from '../system/descriptor.ts'
import { UsageError } from '../system/errors.ts'
import { deriveDevice } from './derive-device.ts'
import type { Effective } from './effective.ts'
import { DEFAULT_ORIGIN, describeOrigin } from './origins.ts'

/** Chunk length where neither `--expected-length` nor `--model-type 300` says otherwise, in bases. */
const DEFAULT_LENGTH = 500

/** Fills in the settings that follow from others. `originalForm`: called as `FILE LENGTH MODEL`. */
export function derive(effective: Effective, originalForm: boolean): void {
  deriveModel(effective)
  deriveBudgets(effective)
  deriveDevice(effective)
  deriveOutput(effective, originalForm)
  deriveVerbosity(effective)
}

function deriveModel(effective: Effective): void {
  const { values } = effective
  if (values.modelPath === undefined && values.modelType !== 'custom') {
    const name = values.modelType === '300' ? 'model300' : 'model500'
    const path = values[name]
    if (path !== undefined) effective.derive('modelPath', path, effective.origin(name))
  }
  if (values.modelPath === undefined && values.modelType === 'custom') {
    const origin = describeOrigin(effective.origin('modelType'))
    throw new UsageError(
      `model_type: custom (${origin}) needs the classifier file: give --model-path MODEL.pth`,
    )
  }
  if (values.expectedLength === undefined || values.expectedLength === 0) {
    const length = values.modelType === '300' ? 300 : DEFAULT_LENGTH
    effective.derive('expectedLength', length, effective.origin('modelType'))
  }
}

/** Tokens of one chunk as Broad's fork estimates them: one per six bases, and the two at the ends. */
function tokensOfChunk(bases: number): number {
  return Math.floor(bases / 6) + 2
}

/** `token_budget` is for both models; the batch size of one model wins unless it comes from a weaker source. */
function deriveBudgets(effective: Effective): void {
  const { values } = effective
  if (values.dnabertBatchSize === undefined && values.dnabertRecords !== undefined) {
    // Broad's file counts records, its flag (and ours) counts tokens.
    const tokens = values.dnabertRecords * tokensOfChunk(values.expectedLength ?? DEFAULT_LENGTH)
    effective.derive('dnabertBatchSize', tokens, effective.origin('dnabertRecords'))
  }
  // Without any word on it the backend chooses: a CPU and a GPU want very different batches.
  if (values.tokenBudget === undefined) return
  for (const name of ['esmBatchSize', 'dnabertBatchSize'] as const) {
    if (values[name] === undefined || effective.compare('tokenBudget', name) > 0) {
      effective.derive(name, values.tokenBudget, effective.origin('tokenBudget'))
    }
  }
}

/** `reads.fa.gz` -> `reads`. */
function stem(path: string): string {
  if (descriptorOf(path) !== undefined) return 'stdin'
  const name = basename(path).replace(/\.(gz|bgz|zst)$/i, '')
  return name.replace(/(.)\.[^.]*$/, '$1')
}

function deriveOutput(effective: Effective, originalForm: boolean): void {
  const { values } = effective
  const first = values.input?.[0]
  if (values.outputDir === undefined && first !== undefined && !originalForm) {
    effective.derive('outputDir', `${stem(first)}_predictions`, DEFAULT_ORIGIN)
  }
  if (values.autoCleanup === false && effective.compare('autoCleanup', 'keepIntermediate') > 0) {
    effective.derive('keepIntermediate', true, effective.origin('autoCleanup'))
  }
}

function deriveVerbosity(effective: Effective): void {
  const { values } = effective
  if (values.quiet === true && values.verbose === true) {
    const stronger = effective.compare('quiet', 'verbose')
    if (stronger === 0) {
      const [quiet, verbose] = (['quiet', 'verbose'] as const).map((name) =>
        describeOrigin(effective.origin(name)),
      )
      throw new UsageError(`quiet (${quiet}) and verbose (${verbose}) contradict each other; keep one`)
    }
    if (stronger > 0) effective.derive('verbose', false, effective.origin('quiet'))
    else effective.derive('quiet', false, effective.origin('verbose'))
  }
  if (values.quiet === true) effective.derive('progress', false, effective.origin('quiet'))
}
