import { PRECISION_NAMES, type Precision } from '../../bundle/index.ts'
import { flag, oneOf, option, section, settings, text, wholeNumber } from '../../settings/index.ts'
import type { PlannedStep, Progress, SetupOptions, SetupPlan } from '../../setup/index.ts'
import { UsageError } from '../../system/errors.ts'
import type { Logger } from '../../system/logger.ts'
import type { LiveTerminal } from '../../system/terminal.ts'
import { bytes, count, duration, estimate } from '../../text/numbers.ts'
import { requireFiles, requirePaths } from '../arguments.ts'
import { classifierFiles, mlpOption } from '../classifiers.ts'
import { command } from '../command.ts'
import { confirm } from '../confirm.ts'
import { jsonOutput, jsonText } from '../json.ts'
import { Meter } from '../meter.ts'

const PREDICT = 'virnucpro predict --input READS.fasta --output-dir RESULTS'

const options = {
  ...section('Models', {
    esm: option(
      text('FILE'),
      'weights of ESM-2: a fair-esm `.pt` file, or a Hugging Face folder or weight file',
      {
        otherwise: 'the files used before, else those of `models pull`, else a download',
      },
    ),
    dnabert: option(text('DIR'), 'weights of DNABERT-S: a Hugging Face folder', {
      otherwise: 'as for `--esm`',
    }),
    mlp: mlpOption,
    from: option(
      text('DIR|FILE|URL'),
      'take missing weights from a local folder or file, or from [a mirror](how-to/offline.md#mirrors)',
      { mayHoldSecret: /[@?]/ },
    ),
    precision: option(
      oneOf(...(PRECISION_NAMES as readonly [Precision])),
      'precision of the models on GPUs: `bf16`, `fp16` or `fp8`. `fp32` and `int8` set up the CPU alone',
      {
        otherwise:
          '`bf16` on GPUs of compute capability 8.0 and later, `fp16` on older ones, `fp32` on a CPU',
      },
    ),
    calibrate: option(
      text('FASTA|none'),
      'nucleotides like those of your runs, for [calibration](reference/precisions.md#bf16); required with `fp8`. `none` skips it (`bf16` and `fp16` only)',
      { otherwise: '`examples/contigs.fasta`' },
    ),
    recheckFrames: option(
      wholeNumber('N', 8, 100_000_000),
      'with `fp8`: frames to measure with [how far it is from what rechecks it](reference/precisions.md#how-far-the-two-are-apart)',
      { otherwise: '30000' },
    ),
  }),
  ...section('GPUs', {
    gpus: { ...settings.gpus, help: 'GPUs to set up', otherwise: 'all that this process may use' },
    server: option(
      oneOf('program', 'container', 'private'),
      'kind of [server](reference/servers.md#the-server-of-this-machine): an installed program, a container, or a Python environment in the home',
      { otherwise: 'the first of these that works' },
    ),
    serverBin: { ...settings.serverBin, help: 'server program' },
    backendDirectory: settings.backendDirectory,
    libraryPath: settings.libraryPath,
    python: option(text('PATH'), 'Python with TensorRT, or the Python for a private server', {
      otherwise: "the server's, else `python3`; for a private server the newest suitable one of PATH",
    }),
    containerEngine: option(oneOf('docker', 'podman', 'apptainer'), 'program that runs the container', {
      otherwise: 'the first of these that can use the GPUs',
    }),
    image: option(text('IMAGE'), 'image of the container; for Apptainer also a file', {
      otherwise: "NVIDIA's, for the driver of the GPUs",
    }),
    wheels: option(
      text('DIR'),
      'folder with the packages of a [private server](reference/servers.md#a-private-environment), for machines without a network',
    ),
  }),
  ...section('What is done', {
    dryRun: flag('print the steps, sizes and minutes, and change nothing'),
    json: {
      ...jsonOutput.json,
      help: 'with `--dry-run`: print JSON, for [programs](reference/json.md)',
      needs: 'dryRun',
    },
    yes: flag('begin without asking', { short: 'y' }),
  }),
}

export default command({
  usage: ['[--esm FILE --dnabert DIR --mlp [LENGTH=]FILE …] [OPTIONS]'],
  examples: [
    ['Prepare this machine:', 'setup'],
    ['Print the steps and sizes, and change nothing:', 'setup --dry-run'],
    ['Use weight files that you have:', 'setup --esm esm2.pt --dnabert DNABERT-S --mlp 500_model.pth'],
  ],
  usual: ['esm', 'dnabert', 'mlp', 'from', 'precision', 'gpus', 'server', 'dryRun', 'yes'],
  notes: [
    'Setup finds or chooses everything that you do not name. It skips steps that are done, so the same command continues an interrupted set-up.',
    'On a machine that is set up, it checks the set-up and changes nothing.',
    `Prints the command of a run on standard output: ${PREDICT}`,
  ],
  exits:
    '`1` the server computes otherwise than the bundle; `65`, `66` a model file; `69` no server for the GPUs, no network, weights that are gone; `73`, `74` the home cannot be written, or the disk is too small; `75` interrupted by a server: the same command goes on',
  options,
  check({ args }) {
    if (args.mlp !== undefined) classifierFiles(args.mlp)
    if (args.precision === 'fp8' && args.calibrate === undefined)
      throw new UsageError(
        '--calibrate is missing: --precision fp8 needs a FASTA file of nucleotides like those of your runs',
      )
    if (args.recheckFrames !== undefined && args.precision !== 'fp8')
      throw new UsageError('--recheck-frames is for --precision fp8')
    if (args.calibrate === '-')
      throw new UsageError('--calibrate: expected a file that stays, got standard input')
    if (args.calibrate === 'none' && (args.precision === 'fp8' || args.precision === 'int8'))
      throw new UsageError(`--calibrate none is not for --precision ${args.precision}`)
    if (args.calibrate !== undefined && args.precision === 'fp32')
      throw new UsageError('--calibrate is not for --precision fp32')
  },
  async run({ args, logger, terminal, signal, configuration }) {
    const {
      dryRun,
      json,
      yes,
      esm,
      dnabert,
      mlp = [],
      calibrate,
      wheels,
      containerEngine: engine,
      ...more
    } = args
    await requirePaths([
      ['--esm', esm],
      ['--dnabert', dnabert],
      ...mlp.map(({ path }) => ['--mlp', path] as const),
      ['--wheels', wheels],
    ])
    // It is read again whenever its models are made again: a pipe would be empty by then.
    await requireFiles([['--calibrate', calibrate === 'none' ? undefined : calibrate]])
    const { planSetup, setUp } = await import('../../setup/index.ts')
    const isQuiet = configuration.effective.values.quiet
    const meter = isQuiet ? undefined : new Meter(logger, terminal)
    const request: SetupOptions = {
      ...more,
      ...{ esm, dnabert, mlp, calibrate, engine, wheels, logger, signal },
      onBytes: (done, total) => meter?.update(done, total),
    }
    const plan = await planSetup(request)
    const text = json ? jsonText('setup', plan) : render(plan)
    if (dryRun) {
      process.stdout.write(text)
      return
    }
    const todo = plan.steps.filter(({ isDone }) => !isDone)
    // The question makes no sense without the plan.
    if (isQuiet && !yes && todo.length > 0) process.stderr.write(text)
    else for (const line of text.trimEnd().split('\n')) logger.info(line)
    if (todo.length > 0) {
      if (!yes && !(await confirm('Go on?', signal))) throw new UsageError('nothing was changed')
      using narrator = new Narrator(logger, isQuiet ? undefined : terminal)
      await setUp(request, narrator)
    }
    await examine(args, logger, signal)
    logger.info('To call reads or contigs:')
    process.stdout.write(`${PREDICT}\n`)
  },
})

/** The summary of `doctor`: how many checks passed, and the findings of the others. */
async function examine(args: object, logger: Logger, signal: AbortSignal): Promise<void> {
  const { doctor, renderFindings } = await import('../../doctor/index.ts')
  // An option of every command.
  const { config: configFile } = args as { config?: string }
  const findings = await doctor({ configFile, signal })
  const bad = findings.filter(({ verdict }) => verdict !== 'ok')
  logger.info(
    bad.length === 0
      ? `all ${findings.length} checks of this machine passed`
      : `${findings.length - bad.length} of ${findings.length} checks of this machine passed; virnucpro doctor shows all of them`,
  )
  for (const line of renderFindings(bad, { columns: process.stderr.columns ?? 100 })
    .trimEnd()
    .split('\n'))
    if (line !== '') logger.info(line)
}

function render({ home, gpus, lack, precision, steps, freeBytes }: SetupPlan): string {
  const lines = [
    `home: ${home}`,
    gpus.length === 0
      ? `no GPU is set up${lack === undefined ? '' : ` (${lack})`}; the CPU computes in ${precision}`
      : `${count(gpus.length, 'GPU')}: ${summary(gpus)}, in ${precision}`,
    ...steps.map((step, i) => `  ${i + 1}. ${step.title}: ${stateOf(step)}`),
  ]
  const todo = steps.filter(({ isDone }) => !isDone)
  if (todo.length === 0) return `${[...lines, 'everything is set up'].join('\n')}\n`
  const [seconds, size, images] = [total(todo, 'seconds'), total(todo, 'bytes'), total(todo, 'imageBytes')]
  const beside = images > 0 ? `, and ${bytes(images)} where container images are kept` : ''
  const room = `${bytes(size)} on the disk, which has ${bytes(freeBytes)} free${beside}`
  return `${[...lines, `in all about ${estimate(seconds)} and ${room}`].join('\n')}\n`
}

function summary(names: readonly string[]): string {
  return [...Map.groupBy(names, (name) => name)].map(([name, { length }]) => `${length} × ${name}`).join(', ')
}

function stateOf({ isDone, expense }: PlannedStep): string {
  if (isDone) return 'done'
  const needed = expense.bytes + (expense.imageBytes ?? 0)
  const size = needed > 1e6 ? `, ${bytes(needed)}` : ''
  return `about ${estimate(Math.max(1, expense.seconds))}${size}`
}

function total(steps: readonly PlannedStep[], what: keyof PlannedStep['expense']): number {
  return steps.reduce((sum, { expense }) => sum + (expense[what] ?? 0), 0)
}

const LINE_MS = 30_000

/** Says which step is done, since when, and what is left: on a terminal in place, elsewhere a line from time to time. */
class Narrator implements Progress {
  readonly #logger: Logger
  readonly #terminal: LiveTerminal | undefined
  #began = 0
  /** Steps that there were to do at first. */
  #of: number | undefined
  #timer: ReturnType<typeof setInterval> | undefined

  constructor(logger: Logger, terminal: LiveTerminal | undefined) {
    this.#logger = logger
    this.#terminal = terminal
  }

  begin(step: PlannedStep, left: readonly PlannedStep[]): void {
    this.#began = performance.now()
    this.#of ??= left.length
    const later = total(left.slice(1), 'seconds')
    const about = `about ${estimate(Math.max(1, step.expense.seconds))}`
    const number = this.#of - left.length + 1
    // A step may turn out to be needed once another is done.
    const place = number > 0 ? `${number} of ${this.#of}: ` : ''
    this.#logger.info(`${place}${step.title}: ${about}`)
    const line = () => {
      const elapsed = (performance.now() - this.#began) / 1000
      const rest = Math.max(0, step.expense.seconds - elapsed) + later
      return `${step.title}: ${duration(elapsed)} of ${about}; ${estimate(rest)} left in all`
    }
    const terminal = this.#terminal
    if (terminal !== undefined && step.name !== 'weights') {
      terminal.show(({ columns }) => [line().slice(0, (columns || 80) - 1)])
      this.#timer = setInterval(() => terminal.refresh(), 1000)
    } else if (step.name !== 'weights') this.#timer = setInterval(() => this.#logger.info(line()), LINE_MS)
    this.#timer?.unref()
  }

  end(step: PlannedStep): void {
    this[Symbol.dispose]()
    this.#logger.info(`${step.title}: done in ${duration((performance.now() - this.#began) / 1000)}`)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#terminal?.hide()
  }
}
