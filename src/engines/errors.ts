import { VirnucproError } from '../system/index.ts'

/** Something about TensorRT plans that the user can put right. */
export class EngineError extends VirnucproError {}

/** The bundle's graphs are not in the precision that plans are built from. */
export class PrecisionError extends EngineError {
  readonly folder: string

  constructor(folder: string, precision: string) {
    super(
      `the bundle ${folder} is in ${precision}, but TensorRT plans are built from bf16, fp16 or fp8: a plan computes in the ` +
        'precision of its graph. Make a second bundle from the same files with: virnucpro models import --precision bf16 ...',
    )
    this.folder = folder
  }
}

/** A builder could not be started, or gave up. */
export class EngineBuildError extends EngineError {
  readonly model: string
  /** The last lines that it printed. */
  readonly output: readonly string[]

  constructor(
    model: string,
    problem: string,
    output: readonly string[] = [],
    options: { cause?: unknown } = {},
  ) {
    const lines = output.map((line) => `\n  ${line}`).join('')
    super(`${model}: ${problem}${lines === '' ? '' : `\nIts last words:${lines}`}`, options)
    this.model = model
    this.output = output
  }
}
