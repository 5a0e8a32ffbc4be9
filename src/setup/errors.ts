import { type ErrorOptions, VirnucproError } from '../system/errors.ts'
import type { Message } from '../system/printable.ts'

/** A machine cannot be set up as it was asked for. */
export class SetupError extends VirnucproError {
  constructor(message: Message, options: ErrorOptions = {}) {
    super(message, { kind: 'unavailable', ...options })
  }
}
