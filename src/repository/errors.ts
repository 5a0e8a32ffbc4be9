import { DataError, type Message } from '../system/index.ts'

/** A model repository cannot be made. */
export class RepositoryError extends DataError {
  /** The folder or file it is about. */
  readonly path: string

  constructor(path: string, message: Message, options: { cause?: unknown } = {}) {
    super(message, options)
    this.path = path
  }
}

/** A config.pbtxt is no text of a protobuf message, or says something else than it should. */
export class ModelConfigError extends RepositoryError {
  /** One line for each thing found wrong. */
  readonly problems: readonly string[]

  constructor(path: string, problems: readonly string[]) {
    super(path, [`${path} is no usable model configuration:`, ...problems.map((line) => `  ${line}`)])
    this.problems = problems
  }
}

/** TensorRT plans are missing, or do not fit the bundle. */
export class PlanError extends RepositoryError {}
