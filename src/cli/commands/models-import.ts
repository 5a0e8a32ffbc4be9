import { keepInput } from '../../fasta/index.ts'
import type { ImportOptions } from '../../import/index.ts'
import { UsageError } from '../../system/errors.ts'
import { commonArgs } from '../args/logging.ts'
import { strictCommand } from '../command.ts'
import { requireInputs, requirePaths } from '../files.ts'
import type { CommandHelp } from '../help.ts'
import type { CommandLine } from '../parse/index.ts'
import { startSession } from '../session.ts'
import { withSignals } from '../signals.ts'

const help: CommandHelp = {
  name: 'virnucpro models import',
  about: 'Makes a bundle from the model files of the original.',
  usage: ['--esm FILE --dnabert DIR --mlp FILE --output BUNDLE [OPTIONS]'],
  groups: [
    {
      title: 'Models',
      args: [
        {
          name: 'esm',
          long: ['esm'],
          hint: 'FILE',
          help: 'ESM-2: a fair-esm .pt file, or a Hugging Face folder or weight file',
        },
        { name: 'dnabert', long: ['dnabert'], hint: 'DIR', help: 'DNABERT-S: a Hugging Face folder' },
        {
          name: 'mlp',
          long: ['mlp'],
          hint: '[LENGTH=]FILE',
          help: 'classifier: 300_model.pth, 500_model.pth or your own, with the chunk length it was made for (500=FILE)',
        },
        { name: 'output', long: ['output'], short: 'o', hint: 'BUNDLE', help: 'folder to make' },
        {
          name: 'precision',
          long: ['precision'],
          hint: 'fp32|int8|bf16|fp16|fp8',
          help: 'precision of the graphs: fp32 or int8 for CPUs, bf16, fp16 or fp8 for GPUs [default: fp32]',
        },
        {
          name: 'attention',
          long: ['attention'],
          hint: 'standard|fused',
          help: 'with bf16, fp16 or fp8: fused is faster, for TensorRT plans in the Python backend only [default: standard]',
        },
        {
          name: 'calibrate',
          long: ['calibrate'],
          hint: 'FASTA|none',
          help: 'with bf16, fp16, fp8 or int8: nucleotides like those of your runs, to make up for rounding (not with fp16), to measure the accuracy, and with fp16 to see that all numbers fit; with bf16 also none (embeddings as they come), with fp16 none (not tried) [default except for fp8: an example]',
        },
        {
          name: 'fp8Tolerance',
          long: ['fp8-tolerance'],
          hint: 'X',
          help: 'with fp8: products whose error is larger stay in bf16 [default: 0.1]',
        },
        { name: 'force', long: ['force'], short: 'f', help: 'replace a bundle that exists already' },
      ],
    },
    commonArgs,
  ],
}

export default strictCommand(help, prepareImport)

function required(line: CommandLine, name: string): string {
  const value = line.text(name)
  if (value === undefined) throw new UsageError(`--${name} is missing`)
  return value
}

const PRECISIONS = ['fp32', 'int8', 'bf16', 'fp16', 'fp8'] as const

function precisionOf(line: CommandLine): (typeof PRECISIONS)[number] {
  const value = line.text('precision') ?? 'fp32'
  const found = PRECISIONS.find((each) => each === value)
  if (found !== undefined) return found
  throw new UsageError(`--precision: expected fp32, int8, bf16, fp16 or fp8, got ${JSON.stringify(value)}`)
}

/** Those of which attention can be our own operator. */
const FUSED: readonly string[] = ['bf16', 'fp16', 'fp8']

function attentionOf(line: CommandLine, precision: string): 'standard' | 'fused' {
  const value = line.text('attention') ?? 'standard'
  if (value !== 'standard' && value !== 'fused')
    throw new UsageError(`--attention: expected standard or fused, got ${JSON.stringify(value)}`)
  if (value === 'fused' && !FUSED.includes(precision))
    throw new UsageError('--attention fused is for --precision bf16, fp16 or fp8')
  return value
}

/** What FP8 needs, and nothing for another precision. */
function fp8Of(line: CommandLine, precision: string): { calibrate: string; tolerance?: number } | undefined {
  const [calibrate, text] = [line.text('calibrate'), line.text('fp8Tolerance')]
  if (precision !== 'fp8') {
    if (text !== undefined) throw new UsageError('--fp8-tolerance is for --precision fp8')
    if (calibrate !== undefined && precision === 'fp32')
      throw new UsageError('--calibrate is for --precision bf16, fp16, fp8 or int8')
    return undefined
  }
  if (calibrate === undefined) {
    throw new UsageError(
      '--calibrate is missing: --precision fp8 needs a FASTA file of nucleotides like those of your runs',
    )
  }
  if (text === undefined) return { calibrate }
  const tolerance = text.trim() === '' ? Number.NaN : Number(text)
  if (tolerance >= 0 && tolerance <= 1) return { calibrate, tolerance }
  throw new UsageError(`--fp8-tolerance: expected a number from 0 to 1, got ${JSON.stringify(text)}`)
}

/** `500=FILE`, or FILE. A file of such a name is named with its folder: `./500=FILE`. */
function classifierOf(value: string): { mlp: string; chunkLength?: number } {
  const [, length, file] = /^(\d+)=(.+)$/s.exec(value) ?? []
  if (length === undefined || file === undefined) return { mlp: value }
  const chunkLength = Number(length)
  if (chunkLength >= 1 && Number.isSafeInteger(chunkLength)) return { mlp: file, chunkLength }
  throw new UsageError(`--mlp: expected the chunk length in bases before =, got ${JSON.stringify(length)}`)
}

/** The sequences to calibrate with, under the name that the precision has for them. */
function calibrationOf(
  precision: (typeof PRECISIONS)[number],
  calibrate: string | undefined,
  fp8: { tolerance?: number } | undefined,
): Pick<ImportOptions, 'bf16' | 'fp16' | 'fp8' | 'int8'> {
  if (calibrate === undefined || precision === 'fp32') return {}
  return { [precision]: precision === 'fp8' ? { ...fp8, calibrate } : { calibrate } }
}

async function prepareImport(line: CommandLine): Promise<() => Promise<void>> {
  const [extra] = line.positionals
  if (extra !== undefined)
    throw new UsageError(`unexpected argument ${extra}: every file is named by an option`)
  const precision = precisionOf(line)
  const fp8 = fp8Of(line, precision)
  const given = line.text('calibrate')
  const isNone = given === 'none'
  if (isNone && precision !== 'bf16' && precision !== 'fp16')
    throw new UsageError(
      '--calibrate none is for --precision bf16 or fp16: name a FASTA file, or ./none for one of that name',
    )
  const calibrate = isNone ? undefined : given
  const request = {
    esm: required(line, 'esm'),
    dnabert: required(line, 'dnabert'),
    ...classifierOf(required(line, 'mlp')),
    output: required(line, 'output'),
    precision,
    attention: attentionOf(line, precision),
    force: line.isOn('force'),
    ...(isNone && (precision === 'bf16' ? { bf16: 'uncorrected' as const } : { fp16: 'untried' as const })),
  }
  await requirePaths([
    ['--esm', request.esm],
    ['--dnabert', request.dnabert],
    ['--mlp', request.mlp],
  ])
  if (calibrate !== undefined) await requireInputs([calibrate])
  // `--force` is about the bundle; it must not be read as the setting of `predict`.
  line.flags.delete('force')
  const { logger } = await startSession(line)
  return async () => {
    const { importModels } = await import('../../import/index.ts')
    const { manifest } = await withSignals(logger, async (signal) => {
      // It is read once for each model, and what a pipe gives comes once.
      await using kept = calibrate === undefined ? undefined : await keepInput(calibrate, signal)
      const calibration = calibrationOf(precision, kept?.path, fp8)
      return await importModels({
        ...request,
        ...calibration,
        onProgress: (message) => logger.info(message),
        signal,
      })
    })
    const { chunkLength } = manifest.models.mlp
    if (chunkLength === undefined) {
      logger.warn(
        `which chunk length the classifier ${request.mlp} was made for is not known, and no run can check it: ` +
          'import it with --mlp LENGTH=FILE, for example --mlp 500=FILE',
      )
    } else logger.info(`the classifier is for chunks of ${chunkLength} bases`)
    logger.info(`wrote ${request.output}; use it with --bundle ${request.output}`)
  }
}
