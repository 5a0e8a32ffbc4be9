/** What an error means to whoever called; the command line has an exit code for each (docs/exit-codes.md). */
export type ErrorKind =
  | 'failure'
  | 'usage'
  | 'badData'
  | 'noInput'
  | 'unavailable'
  | 'cannotCreate'
  | 'inputOutput'
  | 'tryAgain'

/**
 * Every code of an error or warning about which a front end has more to say, with the data that comes with it. The
 * message says what happened and where; what to do about it depends on who asks: the command line names its options.
 */
export interface ErrorCodes {
  /** Something of an earlier call stands where a result is to go. */
  'place-taken': { path: string }
  /** A file that no run has recorded has the name of one that a run is to write. */
  'foreign-file': { path: string }
  /** The memory of a device does not hold batches as large as planned, but those of so many padded tokens. */
  'memory-too-small': { model: string; tokens: number }
  /** A model makes embeddings with NaN or infinity. */
  'not-finite': Record<string, never>
  /** A server has stopped answering, and there is no other to take its batches. */
  'server-stalled': Record<string, never>
  /** No model of a server computes on one of its GPUs. */
  'gpu-idle': Record<string, never>
  /** The program itself is slower than the devices that compute for it. */
  'client-bound': Record<string, never>
  /** A folder holds no report. */
  'no-report': Record<string, never>
  /** A bundle in a precision that the CPU does not compute is no reference. */
  'no-reference': Record<string, never>
  /** Embeddings of the original lie without the sequences they are of. */
  'no-golden-sequences': Record<string, never>
  /** The port for metrics cannot be had. */
  'metrics-port': Record<string, never>
  /** TensorRT plans are missing, or must be built again. */
  'no-plans': Record<string, never>
  /** Only TensorRT plans in the Python backend compute fused attention. */
  'attention-needs-plans': Record<string, never>
  /** Only TensorRT plans compute this precision in the Python backend. */
  'precision-needs-plans': Record<string, never>
  /** What a server computes with is not what was put into its model repository. */
  'repository-damaged': Record<string, never>
  /** An input is compressed in a way that is not read; `command` writes its text. */
  'foreign-compression': { command: string }
  /** A stream gave nothing, which may be right. */
  'empty-stream': { source: string }
  /** Two records have one id. */
  'duplicate-id': { id: string }
  /** A record has a header only. */
  'empty-record': { id: string }
  /** A folder that should be a bundle has no manifest. */
  'no-bundle': { path: string }
  /** A model has numbers that FP16 does not. */
  'beyond-fp16': Record<string, never>
  /** The kernel of fused attention does not take the heads of a model. */
  'no-kernel': Record<string, never>
  /** A classifier was given as the weights of a language model. */
  'classifier-as-weights': Record<string, never>
}

export type ErrorCode = keyof ErrorCodes

/** A code and its data. */
export type Detail = { [Code in ErrorCode]: { code: Code; data: ErrorCodes[Code] } }[ErrorCode]
