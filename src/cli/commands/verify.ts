import { keepInput } from '../../fasta/index.ts'
import { UsageError, VirnucproError } from '../../system/errors.ts'
import { printable } from '../../system/printable.ts'
import type { VerifyReport } from '../../verify/index.ts'
import { commonArgs } from '../args/logging.ts'
import { verifyArgs } from '../args/verify.ts'
import { strictCommand } from '../command.ts'
import { requireFiles, requireInputs } from '../files.ts'
import type { CommandHelp } from '../help.ts'
import type { CommandLine } from '../parse/index.ts'
import { startSession } from '../session.ts'
import { withSignals } from '../signals.ts'

export const help: CommandHelp = {
  name: 'virnucpro verify',
  about: 'Checks the embeddings of a bundle or a running server against a reference.',
  usage: ['--bundle BUNDLE [--triton grpc://HOST:PORT] [--golden FILE.pt] [OPTIONS]'],
  groups: [verifyArgs, commonArgs],
  notes: [
    'The reference is each sequence alone through the graph, FP32 or INT8, in this process, or rows that the original wrote.',
  ],
}

export default strictCommand(help, async (line) => {
  const [extra] = line.positionals
  if (extra !== undefined)
    throw new UsageError(`unexpected argument ${extra}: every file is named by an option`)
  const tolerance = numberOf(line, 'tolerance', '--tolerance', 5e-4, 2)
  const count = Math.round(numberOf(line, 'sequences', '--sequences', 32, 100_000))
  const seed = Math.round(numberOf(line, 'verifySeed', '--seed', 1, 2 ** 32 - 1))
  const [golden, fasta] = [line.text('golden'), line.text('fasta')]
  await requireFiles(named('--golden', golden))
  if (fasta !== undefined) await requireInputs([fasta])
  const { logger, configuration } = await startSession(line)
  const {
    bundle,
    backend,
    triton = [],
    serverTimeout = 300,
    trustServer = false,
    ...values
  } = configuration.effective.values
  if (bundle === undefined) throw new UsageError('--bundle is missing')
  if (backend === 'triton' && triton.length === 0)
    throw new UsageError('--backend triton needs a server: give --triton grpc://HOST:PORT')
  const access = {
    ca: values.tritonCa,
    cert: values.tritonCert,
    key: values.tritonKey,
    header: values.tritonHeader?.reveal(),
  }
  const servers =
    triton.length > 0 && backend !== 'onnx'
      ? { endpoints: triton, access, serverTimeout, trustServer }
      : undefined
  return async () => {
    const { verify } = await import('../../verify/index.ts')
    const options = { bundle, triton: servers, count, seed, threads: values.threads, logger }
    const report = await withSignals(logger, async (signal) => {
      await using kept = fasta === undefined ? undefined : await keepInput(fasta, signal)
      const reference = golden === undefined ? {} : { golden: [golden] }
      return await verify({ ...options, fasta: kept?.path, ...reference, signal })
    })
    process.stdout.write(render(report))
    const bad = report.models.filter((each) => each.notFinite > 0 || !(1 - each.cosineMin <= tolerance))
    if (bad.length === 0) return
    const names = bad.map(({ model, worstId }) => `${model} (worst: ${worstId})`).join(', ')
    throw new VirnucproError(`outside the tolerance of ${tolerance}: ${names}`)
  }
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

function named(what: string, path: string | undefined): (readonly [string, string])[] {
  return path === undefined ? [] : [[what, path]]
}

function numberOf(line: CommandLine, name: string, flag: string, otherwise: number, most: number): number {
  const text = line.text(name)
  if (text === undefined) return otherwise
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (value >= 0 && value <= most) return value
  throw new UsageError(`${flag}: expected a number from 0 to ${most}, got ${JSON.stringify(text)}`)
}
