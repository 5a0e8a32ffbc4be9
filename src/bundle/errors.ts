import { DataError, type ErrorOptions } from '../system/errors.ts'
import type { Message } from '../system/printable.ts'

/** A weight file, a folder of one, or a bundle cannot be used. */
export class ModelError extends DataError {}

/** No model in any layout we know at this place. */
export class ModelNotFoundError extends ModelError {
  readonly path: string

  constructor(path: string, message: string) {
    super(message, { kind: 'noInput' })
    this.path = path
  }
}

/** The tensors of a file are not those of the architecture it was given as. */
export class TensorMismatchError extends ModelError {
  readonly path: string
  readonly missing: readonly string[]
  readonly unexpected: readonly string[]
  /** One line each: name, expected and found shape. */
  readonly misshapen: readonly string[]

  constructor(
    model: string,
    path: string,
    found: { missing: readonly string[]; unexpected: readonly string[]; misshapen: readonly string[] },
  ) {
    super(
      [
        `${path} is not ${model}:`,
        listed('missing tensors', found.missing),
        listed('unexpected tensors', found.unexpected),
        listed('tensors of another shape', found.misshapen),
        'Check that this file is the model named by the option it was given to.',
      ].filter((line) => line !== ''),
    )
    this.path = path
    this.missing = found.missing
    this.unexpected = found.unexpected
    this.misshapen = found.misshapen
  }
}

/** The three models do not belong together. */
export class DimensionMismatchError extends ModelError {
  readonly dnabert: number
  readonly esm2: number
  readonly classifier: number

  constructor(widths: { dnabert: number; esm2: number; classifier: number }) {
    super(
      `the models do not belong together: DNABERT-S gives ${widths.dnabert} numbers and ESM-2 gives ${widths.esm2}, ` +
        `together ${widths.dnabert + widths.esm2}, but the classifier takes ${widths.classifier}. ` +
        'Import the DNABERT-S and ESM-2 models that the classifier was trained with ' +
        '(VirNucPro: DNABERT-S with 768 and ESM-2 3B with 2560, together 3328).',
    )
    this.dnabert = widths.dnabert
    this.esm2 = widths.esm2
    this.classifier = widths.classifier
  }
}

/** A bundle folder is damaged, of another version, or in the way. */
export class BundleError extends ModelError {
  readonly path: string

  constructor(path: string, message: Message, options: ErrorOptions = {}) {
    super(message, options)
    this.path = path
  }
}

/** The sequences to calibrate FP8 with do not serve. */
export class CalibrationError extends ModelError {}

const SHOWN = 8

function listed(title: string, names: readonly string[]): string {
  if (names.length === 0) return ''
  const rest = names.length > SHOWN ? `, and ${names.length - SHOWN} more` : ''
  return `  ${title}: ${names.slice(0, SHOWN).join(', ')}${rest}`
}
