import { type ErrorOptions, UsageError } from '../../system/errors.ts'
import { foreign } from '../../system/printable.ts'

/** Something about TensorRT plans that the user can put right; what was asked for does not fit what is there. */
export class EngineError extends UsageError {}

/** The bundle's graphs are not in the precision that plans are built from. */
export class PrecisionError extends EngineError {
  readonly folder: string

  constructor(folder: string, precision: string) {
    super(
      `the bundle ${folder} is in ${precision}, but TensorRT plans are built from bf16, fp16 or fp8: a plan computes in the ` +
        'precision of its graph',
      { detail: { code: 'plans-need-gpu-precision', data: {} } },
    )
    this.folder = folder
  }
}

/** A builder could not be started, or gave up. */
export class EngineBuildError extends EngineError {
  readonly model: string
  /** The last lines that it printed. */
  readonly output: readonly string[]

  constructor(model: string, problem: string, output: readonly string[] = [], options: ErrorOptions = {}) {
    const said = output.length === 0 ? [] : ['Its last words:', ...output.map((line) => `  ${foreign(line)}`)]
    super([`${model}: ${problem}`, ...said], { kind: 'unavailable', ...options })
    this.model = model
    this.output = output
  }
}
