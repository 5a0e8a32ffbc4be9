import type { Bundle, HostedName, ModelName } from '../../bundle/index.ts'
import {
  computesOnCpu,
  forModels,
  hostedNames,
  MODEL_NAMES,
  MODELS,
  modelOf,
  openBundle,
} from '../../bundle/index.ts'
import {
  ascending,
  flag,
  numberFrom,
  oneOf,
  option,
  section,
  settings,
  text,
  wholeNumber,
} from '../../settings/index.ts'
import { UsageError, VirnucproError } from '../../system/errors.ts'
import type { Logger } from '../../system/logger.ts'
import { defined, requireBundle, requireInputs } from '../arguments.ts'
import { command } from '../command.ts'
import { modelOption, namedModels } from './engines-tune.ts'

const perModel = (fact: 'profiles' | 'tokenBudget') =>
  MODEL_NAMES.map((name) => `${MODELS[name][fact]} for \`${name}\``).join('; ')

export default command({
  usage: ['[--bundle BUNDLE] --output DIR [OPTIONS]'],
  examples: [
    [
      'Build the plans of a BF16 bundle for the GPU of this machine:',
      'engines build --bundle models-bf16 --output plans',
    ],
    [
      'Choose their lengths for the reads of a sample:',
      'engines build --output plans --lengths-from reads.fastq.gz',
    ],
  ],
  usual: ['bundle', 'output', 'model', 'lengthsFrom', 'profiles', 'python', 'dryRun', 'force'],
  notes: ['A plan loads in the TensorRT version it was built by: build with that of the server.'],
  forRun: true,
  exits: '`66` no bundle or plans; `69` no GPU or no TensorRT; `73`, `74` the plans cannot be written',
  options: section('TensorRT plans', {
    bundle: {
      ...settings.bundle,
      help: 'models made by `virnucpro models import --precision bf16`, `fp16` or `fp8`',
    },
    output: option(
      text('DIR'),
      'folder for the plans: `esm2/model_smXX.plan` and `dnabert_s/model_smXX.plan`, each with a JSON file that describes it',
      { short: 'o', required: true },
    ),
    model: modelOption('which to build'),
    profiles: option(
      ascending(
        'T,T,…',
        2,
        Number.MAX_SAFE_INTEGER,
        'the longest lengths of ranges in tokens, ascending, such as 64,176,1088',
      ),
      'longest length of each profile in tokens, ascending; with `--model` of one model only',
      { otherwise: perModel('profiles'), excludes: 'lengthsFrom' },
    ),
    lengthsFrom: option(
      text('FILE'),
      'choose the profiles of both models for the lengths in this input: FASTA or FASTQ, plain or compressed; up to a million frames of it are counted',
    ),
    expectedLength: {
      ...settings.expectedLength,
      needs: 'lengthsFrom',
      otherwise: '500',
      help: 'bases of a chunk, as for `predict`; with `--lengths-from`',
    },
    dryRun: flag('print the lengths and the profiles, and build nothing; needs no GPU'),
    tokens: option(
      wholeNumber('N', 512, 2 ** 22),
      'tokens of the batches to tune for, 512 to 4194304; halved until it fits the memory of the GPU',
      { otherwise: `${perModel('tokenBudget')}, as whole waves of the GPU` },
    ),
    builder: option(oneOf('python', 'trtexec'), "TensorRT's Python bindings, or its command line", {
      default: 'python',
    }),
    python: option(text('PATH'), 'Python that has TensorRT', { otherwise: '`python3`' }),
    trtexec: option(text('PATH'), "TensorRT's command-line program", { otherwise: '`trtexec`' }),
    optimizationLevel: option(wholeNumber('0-5', 0, 5), 'how long TensorRT looks for faster kernels', {
      otherwise: '3',
    }),
    timingCache: option(text('FILE'), 'measurements of kernels, kept for later builds', {
      otherwise: '`timing.cache` in `--output`',
    }),
    workspace: option(numberFrom('GB', 0, 10_000), 'scratch memory that kernels may ask for, in gigabytes', {
      otherwise: 'no limit',
    }),
    force: flag('build even where a plan that fits is there', { short: 'f' }),
  }),
  check({ args: { profiles, model, workspace } }) {
    // The two models count tokens differently, so that one list of lengths cannot be meant for both.
    if (profiles !== undefined && model.length > 1)
      throw new UsageError(
        `--profiles is for one model: add ${MODEL_NAMES.map((name) => `--model ${name}`).join(' or ')}`,
      )
    if (workspace === 0) throw new UsageError('--workspace: expected gigabytes, such as 8, got 0')
  },
  async run({ args, logger, signal }) {
    const { output, model: models, profiles, lengthsFrom, expectedLength, dryRun, tokens } = args
    await requireInputs(lengthsFrom)
    const bundle = await requireBundle(args.bundle)
    const { buildEngines } = await import('../../server/engines/index.ts')
    const opened = await openBundle(bundle)
    const { precision, attention } = opened.manifest
    const bounds =
      lengthsFrom === undefined
        ? profiles
        : await chosenBounds(opened, lengthsFrom, expectedLength ?? 500, logger, signal)
    if (dryRun) {
      if (computesOnCpu(precision))
        logger.warn(`the bundle is in ${precision}: plans are built from one in bf16, fp16 or fp8`)
      return await printProfiles(hostedAmong(models, opened), bounds, tokens)
    }
    const { builder, python, trtexec, optimizationLevel, timingCache, workspace, force } = args
    const workspaceBytes = workspace === undefined ? undefined : Math.round(workspace * 1e9)
    await buildEngines({
      bundle,
      output,
      ...namedModels(models),
      builder,
      force,
      ...defined({
        bounds,
        tokenBudget: tokens,
        python,
        trtexec,
        optimizationLevel,
        timingCache,
        workspaceBytes,
      }),
      onProgress: (message, detail) => logger.info(message, detail),
      signal,
    })
    const named = args.bundle === undefined ? '' : ` --bundle ${args.bundle}`
    logger.info(
      `make a model repository with: virnucpro repository build${named} --backend ${attention === 'fused' ? 'python' : 'tensorrt'} --plans ${output} --output REPOSITORY`,
    )
  },
})

/** Profiles for the lengths of an input; what they were chosen from goes to standard output. */
async function chosenBounds(
  bundle: Bundle,
  input: string,
  expectedLength: number,
  logger: Logger,
  signal: AbortSignal,
): Promise<Record<ModelName, number[]>> {
  const { chooseBounds, countLengths, describeLengths, MOST_RANGES } = await import(
    '../../server/engines/index.ts'
  )
  const { histograms, frames, whole } = await countLengths(bundle, {
    inputs: [input],
    expectedLength,
    signal,
  })
  if (frames === 0)
    throw new VirnucproError(
      `${input} has no reading frame without a stop codon: there are no lengths to choose for`,
    )
  logger.info(`${frames} frames of ${input}${whole ? '' : ', where counting stopped'}`)
  const chosen = (model: ModelName) => {
    process.stdout.write(`${model}\n${describeLengths(histograms[model])}\n`)
    // Whatever comes later can be computed too.
    return chooseBounds(histograms[model], MOST_RANGES, MODELS[model].profiles.at(-1))
  }
  return forModels(chosen)
}

/** Those of the named models that a bundle has. @throws UsageError where it has none of them */
function hostedAmong(models: readonly HostedName[], { folder, manifest }: Bundle): HostedName[] {
  const found = hostedNames(manifest).filter((name) => models.includes(name))
  if (found.length > 0) return found
  throw new UsageError(`the bundle ${folder} has no ${models.join(' or ')}: its models are not rechecked`)
}

async function printProfiles(
  models: readonly HostedName[],
  bounds: readonly number[] | Record<ModelName, readonly number[]> | undefined,
  tokenBudget: number | undefined,
): Promise<void> {
  const { profilesFor } = await import('../../server/engines/index.ts')
  for (const model of models) {
    const facts = MODELS[modelOf(model)]
    const ends = bounds === undefined ? facts.profiles : 'esm2' in bounds ? bounds[modelOf(model)] : bounds
    process.stdout.write(`profiles of ${model}\n`)
    for (const { min, opt, max } of profilesFor({
      bounds: ends,
      tokenBudget: tokenBudget ?? facts.tokenBudget,
    })) {
      process.stdout.write(
        `  ${min[1]} to ${max[1]} tokens, tuned for ${opt[0]} rows of ${opt[1]}, up to ${max[0]} rows\n`,
      )
    }
  }
}
