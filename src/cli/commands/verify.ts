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
import type { VerifyReport } from '../../verify/index.ts'
import { requireBundle, requireFiles, requireInputs } from '../arguments.ts'
import { command } from '../command.ts'
import { jsonOutput, printJson } from '../json.ts'

export default command({
  usage: ['[--bundle BUNDLE] [--triton HOST:PORT] [--golden FILE.pt] [OPTIONS]'],
  examples: [
    ['Check the default bundle in this process:', 'verify'],
    ['Check a running server against it:', 'verify --triton localhost:8001'],
    ['Compare with embeddings of the original:', 'verify --golden output_1_ESM.pt'],
  ],
  usual: ['bundle', 'backend', 'triton', 'golden', 'fasta', 'tolerance', 'sequences'],
  notes: [
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
    ...jsonOutput,
  },
  check({ args: { backend, triton } }) {
    if (backend === 'triton' && triton.length === 0)
      throw new UsageError('--backend triton needs a server: give --triton HOST:PORT')
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
    const { verify } = await import('../../verify/index.ts')
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
