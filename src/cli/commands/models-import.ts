import { basename } from 'node:path'
import {
  classifiersOf,
  computesOnCpu,
  hasPartner,
  type Manifest,
  MODEL_NAMES,
  MODELS,
  type ModelName,
  PRECISION_NAMES,
  type Precision,
  precisionFacts,
  precisionsWhere,
} from '../../bundle/index.ts'
import type { HomeImportOptions, Quantization } from '../../import/index.ts'
import { flag, numberFrom, oneOf, option, section, text, type Values } from '../../settings/index.ts'
import { NoInputError, UsageError } from '../../system/errors.ts'
import type { Logger } from '../../system/logger.ts'
import { plural } from '../../text/numbers.ts'
import { defined, requireInputs, requirePaths } from '../arguments.ts'
import { classifierFiles, mlpOption } from '../classifiers.ts'
import { command } from '../command.ts'

/** `bf16, fp16 or fp8`: the precisions that have something, each between `marks`. */
function those(has: Parameters<typeof precisionsWhere>[0], marks = ''): string {
  const names = precisionsWhere(has).map((name) => marks + name + marks)
  return names.join(', ').replace(/, (\S+)$/, ' or $1')
}

type Short = (typeof MODELS)[ModelName]['short']

/** One value for each model, under its short name. */
function forShorts<T>(make: (model: ModelName) => T): Record<Short, T> {
  const made = MODEL_NAMES.map((model) => [MODELS[model].short, make(model)])
  return Object.fromEntries(made) as Record<Short, T>
}

function weightsOption(model: ModelName) {
  const { label, weights } = MODELS[model]
  return option(text(weights.hint), `${label}: ${weights.help}`)
}

/** `--esm FILE --dnabert DIR` */
const WEIGHTS_USAGE = MODEL_NAMES.map((name) => `--${MODELS[name].short} ${MODELS[name].weights.hint}`).join(
  ' ',
)

const options = section('Models', {
  ...forShorts(weightsOption),
  mlp: { ...mlpOption, required: true },
  output: option(text('DIR'), 'folder to make', {
    short: 'o',
    otherwise: 'a bundle of [the home](reference/home.md)',
  }),
  bundle: option(
    text('BUNDLE'),
    'without weights: the bundle that classifiers are added to, a folder or one of the home',
    { brief: 'bundle that classifiers are added to', otherwise: 'the default bundle of the home' },
  ),
  default: flag('make it the default bundle of the home, which the first one is anyway', {
    excludes: 'output',
  }),
  precision: option(
    oneOf(...(PRECISION_NAMES as readonly [Precision])),
    'precision of the graphs. For CPUs: `fp32`, or `int8`, which is faster, smaller and a little less exact, see [models](reference/precisions.md#int8). For GPUs: `bf16`; [`fp16`](reference/precisions.md#fp16), which is more exact and as fast, where all numbers fit it; or `fp8` for the products of ESM-2 with the rest in `bf16`, see [models](reference/precisions.md#fp8)',
    { brief: 'precision of the models', default: 'fp32' },
  ),
  attention: option(
    oneOf('standard', 'fused'),
    `with ${those(({ device }) => device === 'gpu', '`')}: \`fused\` computes attention in [a kernel of our own](reference/precisions.md#attention-in-a-kernel-of-our-own), which is faster; for TensorRT plans in the Python backend only`,
    { default: 'standard' },
  ),
  calibrate: option(
    text('FASTA|none'),
    'nucleotides like those of your runs, with `bf16`, `fp16`, `int8`, or `fp8`, which needs them. `none` leaves the embeddings of `bf16` [as they come](reference/precisions.md#bf16), and checks [the weights alone](reference/precisions.md#fp16) with `fp16`; a file of that name is `./none`',
    {
      brief: 'nucleotides like those of your runs, to correct rounding with',
      otherwise: 'with `bf16`, `fp16` and `int8`: `examples/contigs.fasta`',
    },
  ),
  fp8Tolerance: option(
    numberFrom('X', 0, 1),
    'with `fp8`: products whose error is larger stay in `bf16`; 0 keeps all of them there, 1 none',
    { otherwise: '0.1' },
  ),
  recheck: option(
    oneOf('auto', 'on', 'off', 'fp16'),
    'with `fp8` and `int8`: whether ESM-2 is there a second time, in a precision that decides what the quantized one leaves open, see [precisions](reference/precisions.md#rechecking): `bf16` beside `fp8`, or `fp16` where that is named, and `fp32` beside `int8`. `auto` is `on` with `fp8` and `off` with `int8`',
    { brief: 'ESM-2 a second time, to recheck what is quantized', default: 'auto' },
  ),
  force: flag(
    'replace a bundle that exists already, or without weights the classifier for that chunk length; any file in the folder that is not of the bundle, or an input in it, is refused',
    { short: 'f', brief: 'replace a bundle or a classifier that exists already' },
  ),
})

type Args = Values<typeof options>

export default command({
  usage: [
    `${WEIGHTS_USAGE} --mlp FILE [--mlp FILE ...] [OPTIONS]`,
    '--mlp FILE [--mlp FILE ...] [--bundle BUNDLE] [--force]',
  ],
  examples: [
    [
      'Make a bundle of weight files that you have:',
      'models import --esm esm2.pt --dnabert DNABERT-S --mlp 500_model.pth',
    ],
    [
      'Make a smaller, faster one for CPUs:',
      'models import --esm esm2.pt --dnabert DNABERT-S --mlp 500_model.pth --precision int8',
    ],
    ['Add a classifier to the default bundle:', 'models import --mlp 300=300_model.pth'],
  ],
  usual: ['esm', 'dnabert', 'mlp', 'output', 'bundle', 'default', 'precision', 'calibrate', 'force'],
  notes: ['Without weights, classifiers are added to a bundle that is there.'],
  exits:
    '`65`, `66` a model file, or the bundle that classifiers are added to; `73`, `74` the bundle cannot be made or written, the home is read-only, or another classifier is there',
  options,
  check({ args }) {
    const { mlp, precision, attention, calibrate, fp8Tolerance, recheck } = args
    classifierFiles(mlp)
    checkWeights(args)
    const { device, calibration, partners } = precisionFacts(precision)
    if (attention === 'fused' && device === 'cpu')
      throw new UsageError(`--attention fused is for --precision ${those((each) => each.device === 'gpu')}`)
    if (recheck !== 'auto' && partners === undefined)
      throw new UsageError(
        `--recheck is for --precision ${those((each) => each.partners !== undefined)}: models in other precisions are not quantized`,
      )
    if (recheck === 'fp16' && !partners?.includes('fp16'))
      throw new UsageError(
        `--recheck fp16 is for --precision ${those((each) => each.partners?.includes('fp16') === true)}`,
      )
    if (fp8Tolerance !== undefined && precision !== 'fp8')
      throw new UsageError('--fp8-tolerance is for --precision fp8')
    if (calibrate !== undefined && calibration === undefined)
      throw new UsageError(
        `--calibrate is for --precision ${those((each) => each.calibration !== undefined)}`,
      )
    if (calibrate === undefined && calibration === 'required')
      throw new UsageError(
        `--calibrate is missing: --precision ${precision} needs a FASTA file of nucleotides like those of your runs`,
      )
    if (calibrate === 'none' && calibration !== 'optional')
      throw new UsageError(
        `--calibrate none is for --precision ${those((each) => each.calibration === 'optional')}: name a FASTA file, or ./none for one of that name`,
      )
  },
  async run({ args, logger, signal }) {
    const weights = weightsOf(args)
    await requireModels([
      ...Object.entries(weights ?? {}).map(([short, path]) => [`--${short}`, path] as const),
      ...args.mlp.map(({ path }) => ['--mlp', path] as const),
    ])
    if (weights === undefined) return await add(args, logger, signal)
    const file = args.calibrate === 'none' ? undefined : args.calibrate
    await requireInputs(file)
    const { keepInput } = await import('../../fasta/index.ts')
    // It is read once for each model, and what a pipe gives comes once.
    await using kept = file === undefined ? undefined : await keepInput(file, signal)
    const { attention, force, output, recheck, default: makeDefault } = args
    const how = {
      ...weights,
      ...classifierFiles(args.mlp),
      attention,
      force,
      recheck,
      ...quantization(args, kept?.path),
      onProgress: (message: string) => logger.info(message),
      signal,
    }
    if (output === undefined) return await importHome({ ...how, makeDefault }, kept?.path, logger)
    const { importModels } = await import('../../import/index.ts')
    const { manifest } = await importModels({ ...how, output })
    sayLengths(manifest, logger)
    await measure(output, manifest, kept?.path, logger, signal)
    logger.info(`wrote ${output}; use it with --bundle ${output}`)
  },
})

/** @throws UsageError for options that do not belong to what is asked for */
function checkWeights(args: Args): void {
  const shorts = MODEL_NAMES.map((model) => MODELS[model].short)
  const missing = shorts.filter((short) => args[short] === undefined)
  if (missing.length === 0) {
    if (args.bundle === undefined) return
    throw new UsageError('--bundle names a bundle to add classifiers to: a new one is named with --output')
  }
  if (missing.length < shorts.length) throw new UsageError(`--${missing[0]} is missing`)
  const { output, precision, attention, calibrate, recheck, default: makeDefault } = args
  const given = {
    output,
    calibrate,
    default: makeDefault || undefined,
    recheck: recheck === 'auto' ? undefined : recheck,
  }
  const [surplus] = Object.entries(given).filter(([, value]) => value !== undefined)
  if (surplus !== undefined || precision !== 'fp32' || attention !== 'standard')
    throw new UsageError(
      `${shorts.map((short) => `--${short}`).join(' and ')} are missing: without them classifiers are added to the bundle of --bundle`,
    )
}

/** The weights that were named; undefined where none were. */
function weightsOf(args: Args): Record<Short, string> | undefined {
  const weights = forShorts((model) => args[MODELS[model].short])
  return Object.values(weights).every((path) => path !== undefined)
    ? (weights as Record<Short, string>)
    : undefined
}

async function importHome(
  options: HomeImportOptions,
  input: string | undefined,
  logger: Logger,
): Promise<void> {
  const { importIntoHome } = await import('../../import/index.ts')
  const { bundle, id, what, isDefault, otherCalibration } = await importIntoHome(options)
  sayLengths(bundle.manifest, logger)
  await measure(bundle.folder, bundle.manifest, input, logger, options.signal)
  if (otherCalibration !== undefined)
    logger.warn(`the bundle that is there was calibrated with ${otherCalibration}, and stays`, {
      code: 'kept',
      data: { again: 'import it' },
    })
  const done = { made: 'wrote', added: 'added to', there: 'nothing to do: there is' }[what]
  const use = isDefault ? 'it is the default bundle' : `use it with --bundle ${id}`
  logger.info(`${done} ${bundle.folder}; ${use}`)
}

/**
 * Measures how far a quantized model is from its partner, with each classifier of which that is not known: in this process, if it
 * computes them. @param input nucleotides like those of later runs
 */
async function measure(
  bundle: string,
  manifest: Manifest,
  input: string | undefined,
  logger: Logger,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (!hasPartner(manifest)) return
  if (!computesOnCpu(manifest.precision))
    return logger.info(
      `how far ${precisionFacts(manifest.precision).label} is from its partner is measured through a server that hosts both`,
      {
        code: 'not-measured',
        data: { bundle },
      },
    )
  const { measureBundle } = await import('../../verify/index.ts')
  await measureBundle({ bundle, input, logger, signal })
}

/** Adds classifiers to a bundle that is there. */
async function add({ mlp, bundle: name, force }: Args, logger: Logger, signal: AbortSignal): Promise<void> {
  const { bundleLock, findBundle, requireWritableHome, withHomeLock } = await import('../../home/index.ts')
  const { addClassifiers } = await import('../../import/index.ts')
  if (name === 'demo') throw new UsageError('the demonstration cannot be changed: name another bundle')
  const { folder, id } = await findBundle(name)
  if (id !== undefined) await requireWritableHome()
  const { mlp: files, chunkLength } = classifierFiles(mlp)
  const work = (whileHeld: AbortSignal) =>
    addClassifiers({
      bundle: folder,
      mlp: typeof files === 'string' && chunkLength !== undefined ? { [chunkLength]: files } : files,
      force,
      onProgress: (message) => logger.info(message),
      signal: whileHeld,
    })
  const onWait = (owner: string) => logger.info(`waiting for ${owner}, which changes the same bundle`)
  const { manifest } =
    id === undefined ? await work(signal) : await withHomeLock(bundleLock(id), work, { signal, onWait })
  sayLengths(manifest, logger)
  await measure(folder, manifest, undefined, logger, signal)
  logger.info(`${folder} has ${plural(classifiersOf(manifest).length, 'classifier')}`)
}

/** Says which chunks the classifiers of a bundle are for. */
function sayLengths(manifest: Manifest, logger: Logger): void {
  for (const { chunkLength, source } of classifiersOf(manifest)) {
    const name = source.files.map((file) => file.name).join(', ')
    if (chunkLength !== undefined) logger.info(`the classifier ${name} is for chunks of ${chunkLength} bases`)
    else
      logger.warn(
        `which chunk length the classifier ${name} was made for is not known, and no run can check it: ` +
          'import it with --mlp LENGTH=FILE, for example --mlp 500=FILE',
      )
  }
}

/** @throws NoInputError for a path that does not exist; where it names a published model, the error says how to get it. */
async function requireModels(named: readonly (readonly [what: string, path: string])[]): Promise<void> {
  try {
    await requirePaths(named)
  } catch (error) {
    const { pullable } = await import('../../pull/index.ts')
    for (const [what, path] of named) {
      const known = pullable(path) ?? pullable(basename(path))
      if (known === undefined || !(error as NoInputError).message.startsWith(`${what} `)) continue
      const detail = { code: 'can-be-pulled', data: { name: known.name } } as const
      throw new NoInputError((error as NoInputError).message, { cause: error, detail })
    }
    throw error
  }
}

/** What `check` has found to belong together. */
function quantization(
  { precision, calibrate, fp8Tolerance: tolerance }: Args,
  path: string | undefined,
): Quantization {
  return {
    precision,
    ...(calibrate === 'none' ? { calibrate: false } : defined({ calibrate: path })),
    ...defined({ tolerance }),
  } as Quantization
}
