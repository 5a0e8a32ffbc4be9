import { DataError, type ErrorOptions } from '../system/errors.ts'
import type { Message } from '../system/printable.ts'
import { FEATURE_ORDER, MODELS, type ModelName } from './models.ts'

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
        'Check that this file is the model it was named as.',
      ].filter((line) => line !== ''),
    )
    this.path = path
    this.missing = found.missing
    this.unexpected = found.unexpected
    this.misshapen = found.misshapen
  }
}

/** The models do not belong together. */
export class DimensionMismatchError extends ModelError {
  readonly widths: Readonly<Record<ModelName, number>>
  readonly classifier: number

  constructor(widths: Readonly<Record<ModelName, number>>, classifier: number, path?: string) {
    const given = FEATURE_ORDER.map((name) => `${MODELS[name].label} gives ${widths[name]} numbers`)
    const all = FEATURE_ORDER.reduce((sum, name) => sum + widths[name], 0)
    super(
      `the models do not belong together: ${given.join(' and ')}, together ${all}, but the classifier ` +
        `${path === undefined ? '' : `${path} `}takes ${classifier}. Import the models that the classifier was trained with ` +
        '(VirNucPro: DNABERT-S with 768 and ESM-2 3B with 2560, together 3328).',
    )
    this.widths = widths
    this.classifier = classifier
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

/** The sequences to calibrate with do not serve. */
export class CalibrationError extends ModelError {}

const SHOWN = 8

function listed(title: string, names: readonly string[]): string {
  if (names.length === 0) return ''
  const rest = names.length > SHOWN ? `, and ${names.length - SHOWN} more` : ''
  return `  ${title}: ${names.slice(0, SHOWN).join(', ')}${rest}`
}
