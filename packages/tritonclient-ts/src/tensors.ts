import type { Datatype, InputData, OutputData } from './codec.ts'
import type { Parameters } from './parameters.ts'

interface NamedTensor<D extends Datatype> {
  readonly name: string
  readonly datatype: D
  readonly shape: readonly number[]
}

/** Part of a registered shared-memory region. */
export interface SharedMemory {
  readonly region: string
  readonly byteSize: number
  /** Bytes from the start of the region, 0 by default. */
  readonly offset?: number
}

/** An input of one datatype. */
export type InputTensorOf<D extends Datatype> = NamedTensor<D> & {
  readonly parameters?: Parameters
} & (
    | { readonly data: InputData[D] }
    /** Bytes in the form of the wire: little-endian, row by row. */
    | { readonly raw: Uint8Array }
    /** Bytes that the server finds in memory it shares with this process. */
    | { readonly sharedMemory: SharedMemory }
  )

/** An input: name, datatype, shape and elements. */
export type InputTensor = { [D in Datatype]: InputTensorOf<D> }[Datatype]

/** An output to ask for; a string is its name alone. */
export interface RequestedOutput {
  readonly name: string
  /** Instead of the tensor, the classes with the highest values: BYTES elements `VALUE:INDEX[:LABEL]`. */
  readonly classes?: number
  /** Where the server writes the output; the answer then has its shape and no data. */
  readonly sharedMemory?: SharedMemory
  readonly parameters?: Parameters
}

/**
 * An output of one datatype. `data` and `raw` may share memory with each other and with the other outputs of the same
 * answer: copy (`slice()`) what is kept for long or is transferred to another thread.
 */
export interface OutputTensorOf<D extends Datatype> extends NamedTensor<D> {
  /** Elements, row by row; without elements where the output went to shared memory. */
  readonly data: OutputData[D]
  /** Bytes as they came, with 16-bit floats not widened; undefined where the server sent elements one by one. */
  readonly raw: Uint8Array | undefined
  readonly parameters: Parameters
}

/** An output: `datatype` determines the type of `data`. */
export type OutputTensor = { [D in Datatype]: OutputTensorOf<D> }[Datatype]

/** One inference. */
export interface InferRequest {
  readonly model: string
  /** The server's version policy chooses where none is given. */
  readonly version?: string
  /** Comes back in the answer. */
  readonly id?: string
  readonly inputs: readonly InputTensor[]
  /** All outputs where none is given. */
  readonly outputs?: readonly (string | RequestedOutput)[]
  /**
   * Triton knows `sequence_id`, `sequence_start`, `sequence_end`, `priority`, `timeout` (microseconds) and others;
   * the rest goes to the model.
   */
  readonly parameters?: Parameters
}
