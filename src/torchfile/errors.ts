import { DataError } from '../system/errors.ts'
import { foreign } from '../system/printable.ts'

const READ_AGAIN = 'Copy, download or compute the file again.'
const PROBLEM_LETTERS = 1000

/** A PyTorch or safetensors file that cannot be read or written: says which file, what is wrong and what to do. */
export class TorchFileError extends DataError {
  /** The file, or the label given for bytes in memory. */
  readonly path: string
  /** What is wrong, without the path. */
  readonly problem: string

  constructor(path: string, problem: string, options: { advice?: string; cause?: unknown } = {}) {
    const { advice = READ_AGAIN, cause } = options
    // Names of members, tensors and functions are the file's own, and may be of any length.
    const said = foreign(problem, PROBLEM_LETTERS)
    super(`${path}: ${said}. ${advice}`, cause === undefined ? {} : { cause })
    this.path = path
    this.problem = said
  }
}

/**
 * A pickle names something that is not on the allow-list, or asks for a call that is never made.
 * Nothing of the file was run; in Python, loading it could run code.
 */
export class UnsafePickleError extends TorchFileError {
  /** `module.name` of what the pickle asked for. */
  readonly global: string
  /** Byte offset of the opcode inside the pickle. */
  readonly position: number

  constructor(path: string, global: string, position: number, what: string) {
    super(path, `the pickle ${what} ${foreign(global)} at byte ${position}, which is not allowed`, {
      advice:
        'Nothing was executed. If you trust the file, load it in Python and save only its state_dict(); otherwise delete it.',
    })
    this.global = global
    this.position = position
  }
}

/** A readable file whose content is not the feature table expected (ids and rows disagree, wrong type, wrong size). */
export class FeatureFileError extends TorchFileError {}
