import { type ErrorOptions, VirnucproError } from '../system/errors.ts'
import type { Message } from '../system/printable.ts'

/** The machine cannot be set up as asked. */
export class SetupError extends VirnucproError {
  constructor(message: Message, options: ErrorOptions = {}) {
    super(message, { kind: 'unavailable', ...options })
  }
}
