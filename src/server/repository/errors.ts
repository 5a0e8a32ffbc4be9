import { DataError, type ErrorOptions } from '../../system/errors.ts'
import type { Message } from '../../system/printable.ts'

/** A model repository cannot be made. */
export class RepositoryError extends DataError {
  /** The folder or file it is about. */
  readonly path: string

  constructor(path: string, message: Message, options: ErrorOptions = {}) {
    super(message, options)
    this.path = path
  }
}

/** TensorRT plans are missing, or do not fit the bundle. */
export class PlanError extends RepositoryError {}
