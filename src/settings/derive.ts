import { folderStemOf } from '../layout/index.ts'
import { UsageError } from '../system/errors.ts'
import { descriptorOf } from '../system/same-file.ts'
import type { Effective } from './effective.ts'

/** Chunk length where neither `--expected-length` nor `--model-type 300` says otherwise, in bases. */
const DEFAULT_LENGTH = 500

/** Fills in the settings of a run that follow from others. `originalForm`: called as `FILE LENGTH MODEL`. */
export function derive(effective: Effective, originalForm: boolean): void {
  deriveModel(effective)
  deriveBudgets(effective)
  deriveDevice(effective)
  checkBackend(effective)
  deriveOutput(effective, originalForm)
}

function deriveModel(effective: Effective): void {
  const { values } = effective
  if (values.modelPath === undefined) {
    if (values.modelType === 'custom') {
      throw new UsageError(
        `model_type: custom (${effective.describe('modelType')}) needs the classifier file: give --model-path MODEL.pth`,
      )
    }
    const name = values.modelType === '300' ? 'model300' : 'model500'
    if (values[name] !== undefined) effective.derive('modelPath', values[name], name)
  }
  if (!values.expectedLength)
    effective.derive('expectedLength', values.modelType === '300' ? 300 : DEFAULT_LENGTH, 'modelType')
}

/** Tokens of one chunk as Broad's fork estimates them: one per six bases, and the two at the ends. */
function tokensOfChunk(bases: number): number {
  return Math.floor(bases / 6) + 2
}

/** `token_budget` is for both models; the batch size of one model wins unless it comes from a weaker place. */
function deriveBudgets(effective: Effective): void {
  const { values } = effective
  if (values.dnabertBatchSize === undefined && values.dnabertRecords !== undefined) {
    // Broad's file counts records, its flag (and ours) counts tokens.
    const tokens = values.dnabertRecords * tokensOfChunk(values.expectedLength ?? DEFAULT_LENGTH)
    effective.derive('dnabertBatchSize', tokens, 'dnabertRecords')
  }
  // Without any word on it the backend chooses: a CPU and a GPU want very different batches.
  if (values.tokenBudget === undefined) return
  for (const name of ['esmBatchSize', 'dnabertBatchSize'] as const) {
    if (values[name] === undefined || effective.compare('tokenBudget', name) > 0)
      effective.derive(name, values.tokenBudget, 'tokenBudget')
  }
}

/** The GPU that `cuda`, `cuda:N` or `N` names; undefined for `auto` and `cpu`. As in PyTorch, `cuda` is GPU 0. */
function gpusOf(device: string): [number] | undefined {
  if (device === 'auto' || device === 'cpu') return undefined
  return [device === 'cuda' ? 0 : Number(device.replace('cuda:', ''))]
}

/** Turns Broad's `--device` into `backend` and `gpus`, and refuses combinations that contradict themselves. */
function deriveDevice(effective: Effective): void {
  const { values } = effective
  const { device, gpus } = values
  const chosen = gpusOf(device)
  const agrees = device === 'auto' || gpus === undefined || (chosen !== undefined && gpus.includes(chosen[0]))
  const stronger = effective.compare('device', 'gpus')
  if (!agrees && stronger === 0) {
    const [byDevice, byGpus] = [effective.describe('device'), effective.describe('gpus')]
    throw new UsageError(`device ${device} (${byDevice}) and gpus ${gpus} (${byGpus}) contradict each other`)
  }
  const deviceDecides = gpus === undefined || (!agrees && stronger > 0)
  if (deviceDecides && (chosen ?? gpus) !== undefined) effective.derive('gpus', chosen, 'device')
  if (deviceDecides && device === 'cpu' && values.backend === 'auto')
    effective.derive('backend', 'onnx', 'device')
  if (values.backend === 'onnx') dropOrRefuseGpus(effective, 'backend', 'computes on the processor')
  else if (!deviceDecides && values.triton.length > 0)
    dropOrRefuseGpus(effective, 'triton', 'names servers, which use the GPUs that they were started with')
}

/** GPUs asked for in a weaker place than the setting that rules them out are not meant; in no weaker one, they are. */
function dropOrRefuseGpus(effective: Effective, setting: 'backend' | 'triton', because: string): void {
  if (effective.values.gpus === undefined) return
  if (effective.compare(setting, 'gpus') <= 0) {
    throw new UsageError(
      `${effective.describe('gpus')} asks for a GPU, and ${effective.describe(setting)} ${because}: keep one of the two`,
    )
  }
  effective.derive('gpus', undefined, setting)
}

function checkBackend(effective: Effective): void {
  const { backend, triton } = effective.values
  const place = effective.describe('backend')
  if (backend === 'onnx' && triton.length > 0 && effective.compare('backend', 'triton') === 0) {
    const servers = effective.describe('triton')
    throw new UsageError(
      `backend onnx (${place}) does not use the servers given (${servers}); keep one of the two`,
    )
  }
}

function deriveOutput(effective: Effective, originalForm: boolean): void {
  const { values } = effective
  checkSamples(effective, originalForm)
  // There would be no saying whose name the folder of several samples has.
  const first = values.perInput ? undefined : values.input?.[0]
  if (values.outputDir === undefined && first !== undefined && !originalForm)
    effective.derive('outputDir', `${folderStemOf(first)}_predictions`)
  if (values.autoCleanup === false && effective.compare('autoCleanup', 'keepIntermediate') > 0)
    effective.derive('keepIntermediate', true, 'autoCleanup')
}

/** Refuses what contradicts several samples. */
function checkSamples(effective: Effective, originalForm: boolean): void {
  const { input = [], sampleSheet, perInput, prefix } = effective.values
  if (sampleSheet === undefined && !perInput) return
  const asked = effective.describe(sampleSheet === undefined ? 'perInput' : 'sampleSheet')
  const refuse = (why: string) => {
    throw new UsageError(`${asked}: ${why}`)
  }
  if (sampleSheet !== undefined && perInput)
    refuse(`a sheet says which files are a sample; leave out ${effective.describe('perInput')}`)
  if (sampleSheet !== undefined && input.length > 0)
    refuse(`a sheet names all inputs; leave out ${input.join(', ')} (${effective.describe('input')})`)
  if (originalForm)
    refuse('FILE LENGTH MODEL is a run over one file; give the length and the model as options')
  if (prefix !== undefined)
    refuse(`names begin with those of the samples; leave out prefix (${effective.describe('prefix')})`)
  const stream = input.find((path) => descriptorOf(path) !== undefined)
  if (stream !== undefined) refuse(`${stream} is a stream and has no name; samples are read from files`)
}

/** What every command reads: how much it says. */
export function deriveVerbosity(effective: Effective): void {
  const { values } = effective
  if (values.quiet && values.verbose) {
    const stronger = effective.compare('quiet', 'verbose')
    if (stronger === 0) {
      const [quiet, verbose] = [effective.describe('quiet'), effective.describe('verbose')]
      throw new UsageError(`quiet (${quiet}) and verbose (${verbose}) contradict each other; keep one`)
    }
    if (stronger > 0) effective.derive('verbose', false, 'quiet')
    else effective.derive('quiet', false, 'verbose')
  }
  if (values.quiet) effective.derive('progress', false, 'quiet')
}
