import { type ErrorOptions, VirnucproError } from '../system/errors.ts'
import type { Message } from '../system/printable.ts'

/** The home is damaged, of a newer version, or cannot be written to. */
export class HomeError extends VirnucproError {
  /** The home, or the file in it. */
  readonly path: string

  constructor(path: string, message: Message, options: ErrorOptions = {}) {
    super(message, { kind: 'badData', ...options })
    this.path = path
  }
}
