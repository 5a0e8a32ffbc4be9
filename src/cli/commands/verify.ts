import type { CallCounts } from '../../recheck/index.ts'
import { ruleOf } from '../../results/index.ts'
import {
  numberFrom,
  option,
  pick,
  section,
  settings,
  text,
  tritonAccess,
  wholeNumber,
} from '../../settings/index.ts'
import { UsageError, VirnucproError } from '../../system/errors.ts'
import { printable } from '../../system/printable.ts'
import { count } from '../../text/numbers.ts'
import type { CallsReport, VerifyReport } from '../../verify/index.ts'
import { requireBundle, requireFiles, requireInputs } from '../arguments.ts'
import { command } from '../command.ts'
import { jsonOutput, printJson } from '../json.ts'

export default command({
  usage: [
    '[--bundle BUNDLE] [--triton HOST:PORT] [--golden FILE.pt] [OPTIONS]',
    '--calls INPUT [--bundle BUNDLE] [--triton HOST:PORT] [OPTIONS]',
  ],
  examples: [
    ['Check the default bundle in this process:', 'verify'],
    ['Check a running server against it:', 'verify --triton localhost:8001'],
    ['Compare with embeddings of the original:', 'verify --golden output_1_ESM.pt'],
    [
      'Count the calls that FP8 would change, alone and with a recheck:',
      'verify --calls reads.fasta --triton localhost:8001',
    ],
  ],
  usual: ['bundle', 'backend', 'triton', 'golden', 'fasta', 'tolerance', 'sequences', 'calls'],
  notes: [
    'With --calls the reference is the partner of a quantized model: what virnucpro predict --recheck computes what is left open with. A call that differs from the partner in spite of the recheck is an error.',
    'The reference is each sequence alone through the graph, FP32 or INT8, in this process, or rows that the original wrote.',
  ],
  forRun: true,
  exits: '`1` outside the tolerance; `65`, `66` the bundle or reference; `69` no server',
  options: {
    ...section('What to check', {
      bundle: {
        ...settings.bundle,
        help: 'models in FP32 or INT8, or `demo`; with both `--triton` and `--golden` the precision does not matter',
      },
      backend: {
        ...settings.backend,
        brief: 'what to check: the graphs in this process, or servers',
        help: 'what to check: `onnx` the graphs, even where servers are named; `triton` the servers, which must be named',
      },
      ...pick(
        settings,
        'triton',
        'serverTimeout',
        'trustServer',
        'tritonCa',
        'tritonCert',
        'tritonKey',
        'tritonHeader',
      ),
      golden: option(
        text('FILE.pt'),
        "compare with the original's `output_N_ESM.pt` or `output_N_DNABERT_S.pt`",
      ),
      fasta: option(text('FILE'), 'sequences of `--golden`', { otherwise: '`output_N.fa` beside it' }),
      tolerance: option(
        numberFrom('X', 0, 2),
        'largest difference to 1 that the cosine of any row may have',
        {
          default: 0.0005,
        },
      ),
      sequences: option(
        wholeNumber('N', 0, 100_000),
        'built-in sequences for each model, of 1 to 166 residues or three bases for each',
        { default: 32 },
      ),
      seed: option(wholeNumber('N', 0, 2 ** 32 - 1), 'seed of the built-in sequences', { default: 1 }),
    }),
    ...section('Calls', {
      calls: option(
        text('INPUT'),
        'compute these nucleotides in both precisions of a quantized bundle, and count the calls that differ',
      ),
      frames: option(
        wholeNumber('N', 1),
        'open frames to compare: whole records are taken until there are so many',
        {
          default: 10_000,
        },
      ),
      expectedLength: {
        ...option(wholeNumber('N', 1), 'chunk length in bases', {
          otherwise: 'that of the classifier; 500 where the bundle has several',
        }),
      },
    }),
    ...jsonOutput,
  },
  check({ args: { backend, calls, golden, triton } }) {
    if (backend === 'triton' && triton.length === 0)
      throw new UsageError('--backend triton needs a server: give --triton HOST:PORT')
    if (calls !== undefined && golden !== undefined)
      throw new UsageError('--calls and --golden ask for different things: give one of them')
  },
  async run({ args, configuration, logger, signal }) {
    const { backend, triton, serverTimeout, trustServer, golden, fasta, tolerance } = args
    const { values } = configuration.effective
    const bundle = await requireBundle(args.bundle)
    await requireFiles([['--golden', golden]])
    await requireInputs(fasta)
    const servers =
      triton.length > 0 && backend !== 'onnx'
        ? { endpoints: triton, access: tritonAccess(values), serverTimeout, trustServer }
        : undefined
    const { verify, verifyCalls } = await import('../../verify/index.ts')
    if (args.calls !== undefined) {
      await requireInputs(args.calls)
      const { minScore, viralGap } = values
      const decisions = { rule: ruleOf(values), minScore, viralGap }
      const { calls: input, frames, expectedLength: chunkLength } = args
      const asked = { bundle, triton: servers, input, frames, chunkLength, decisions }
      reportCalls(await verifyCalls({ ...asked, threads: values.threads, logger, signal }), args.json)
      return
    }
    const { keepInput } = await import('../../fasta/index.ts')
    await using kept = fasta === undefined ? undefined : await keepInput(fasta, signal)
    const report = await verify({
      bundle,
      triton: servers,
      count: args.sequences,
      seed: args.seed,
      threads: values.threads,
      fasta: kept?.path,
      golden,
      logger,
      signal,
    })
    const bad = report.models.filter((each) => each.notFinite > 0 || !(1 - each.cosineMin <= tolerance))
    const { calls = null } = report
    if (args.json) printJson('verify', { bundle, ...report, calls, tolerance, within: bad.length === 0 })
    else process.stdout.write(render(report))
    if (bad.length === 0) return
    const names = bad.map(({ model, worstId }) => `${model} (worst: ${worstId})`).join(', ')
    throw new VirnucproError(`outside the tolerance of ${tolerance}: ${names}`)
  },
})

function reportCalls(report: CallsReport, asJson: boolean): void {
  const { flips, classes } = report
  const exceeded = classes.filter(({ bound, largest }) => largest > bound)
  const wrong = sumOf(flips.rechecked)
  if (asJson) printJson('calls', { ...report, within: wrong === 0 })
  else process.stdout.write(renderCalls(report))
  if (wrong > 0)
    throw new VirnucproError(
      `${count(wrong, 'call')} of ${report.partner} changed in spite of the recheck: ` +
        `logits were off by more than was measured ${exceeded.length > 0 ? `up to ${exceeded.map(({ upTo }) => upTo).join(', ')} tokens` : 'for frames of any length'}`,
    )
}

function sumOf(counts: CallCounts): number {
  return Object.values(counts).reduce((sum, each) => sum + each, 0)
}

function renderCalls(report: CallsReport): string {
  const { backend, quantized, partner, chunkLength, compared, flips, rechecked, classes } = report
  const share = compared.frames === 0 ? 0 : (100 * rechecked) / compared.frames
  const changed = ({ frames, chunks, records, tiers }: CallCounts) =>
    `${frames} of ${count(compared.frames, 'frame')}, ${chunks} of ${count(compared.chunks, 'chunk')}, ` +
    `${records} of ${count(compared.records, 'record')}, ${tiers} tiers`
  const lines = [
    backend,
    `chunks of ${chunkLength} bases; calls that are not those of ${partner}:`,
    `  ${quantized} alone: ${changed(flips.quantized)}`,
    `  ${quantized} with recheck: ${changed(flips.rechecked)}`,
    `rechecked: ${rechecked} of ${count(compared.frames, 'frame')} (${share.toFixed(1)} %)`,
    ...classes
      .filter(({ frames }) => frames > 0)
      .map(
        ({ upTo, bound, frames, largest }) =>
          `up to ${upTo} tokens: logits differ by at most ${largest.toPrecision(3)} in ${count(frames, 'frame')}; the bound is ${bound.toPrecision(3)}`,
      ),
  ]
  return `${lines.map(printable).join('\n')}\n`
}

function render({ backend, models, calls }: VerifyReport): string {
  const lines = models.flatMap(
    ({ model, rows, reference, maxAbsDifference, cosineMin, cosineMean, notFinite }) => [
      `${model}: ${rows} rows against ${reference}`,
      `  max abs difference ${maxAbsDifference.toExponential(2)}, cosine min ${cosineMin.toFixed(7)}, ` +
        `mean ${cosineMean.toFixed(7)}${notFinite === 0 ? '' : `, NaN or infinity in ${notFinite}`}`,
    ],
  )
  const agreement = calls === undefined ? [] : [`calls: ${calls.equal} of ${calls.all} agree`]
  return `${[backend, ...lines, ...agreement].map(printable).join('\n')}\n`
}
