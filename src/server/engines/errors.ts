import { type ErrorOptions, UsageError } from '../../system/errors.ts'
import { foreign } from '../../system/printable.ts'

/** Something about TensorRT plans that the user can put right; what was asked for does not fit what is there. */
export class EngineError extends UsageError {}

/** A program of TensorRT could not be started, or gave up. */
export class EngineBuildError extends EngineError {
  /** @param output the last lines that it printed */
  constructor(subject: string, problem: string, output: readonly string[] = [], options: ErrorOptions = {}) {
    const said = output.length === 0 ? [] : ['Its last words:', ...output.map((line) => `  ${foreign(line)}`)]
    super([`${subject}: ${problem}`, ...said], { kind: 'unavailable', ...options })
  }
}
