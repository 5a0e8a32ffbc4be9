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

/** Where the code says it all. */
type Nothing = Record<string, never>

/**
 * Every code of an error or warning about which a front end has more to say, with the data that comes with it. The
 * message says what happened and where; what to do about it depends on who asks: the command line names its options.
 */
export interface ErrorCodes {
  /** Something of an earlier call stands where a result is to go. */
  'place-taken': { path: string; oldRun?: boolean }
  /** A file that no run has recorded has the name of one that a run is to write. */
  'foreign-file': { path: string; oldRun?: boolean }
  /** What was asked for has been computed before, by this or another program. */
  'already-computed': Nothing
  /** An input was changed while a run read it. */
  'input-changed': Nothing
  /** Nobody has said for which chunk length a classifier was made. */
  'chunk-length-unknown': Nothing
  /** A classifier was made for another chunk length than that of the run. */
  'chunk-length-mismatch': { length: number }
  /** The memory of a device does not hold batches as large as planned, but those of so many padded tokens. */
  'memory-too-small': { model: string; tokens: number }
  /** Servers are used that the user has started, though none was named. */
  'own-servers': Nothing
  /** A server has the models of the run, but nobody has named it. */
  'unnamed-server': { url: string }
  /** No server program is named, and none found. */
  'no-server-program': Nothing
  /** There is a GPU, and no model repository for a server. */
  'repository-not-named': Nothing
  /** A server is asked for, and there is no GPU for it. */
  'no-gpu': Nothing
  /** Servers are to compute, and none was named. */
  'no-server-named': Nothing
  /** A GPU is asked for, and none would be used. */
  'gpu-not-used': Nothing
  /** The CPU cannot compute a bundle. */
  'needs-server': { fused: boolean }
  /** No bundle is given. */
  'bundle-not-named': Nothing
  /** A model makes embeddings with NaN or infinity. */
  'not-finite': Nothing
  /** Files of a run that is to be migrated are damaged or contradict each other. */
  'checkpoints-unusable': Nothing
  /** A migration would overwrite files of somebody else. */
  'names-taken': Nothing
  /** A server has stopped answering, and there is no other to take its batches. */
  'server-stalled': Nothing
  /** No model of a server computes on one of its GPUs. */
  'gpu-idle': Nothing
  /** The program itself is slower than the devices that compute for it. */
  'client-bound': Nothing
  /** A folder holds no report. */
  'no-report': Nothing
  /** A bundle in a precision that the CPU does not compute is no reference. */
  'no-reference': Nothing
  /** Embeddings of the original lie without the sequences they are of. */
  'no-golden-sequences': Nothing
  /** The port for metrics cannot be had. */
  'metrics-port': Nothing
  /** TensorRT plans are missing, or must be built again. */
  'no-plans': Nothing
  /** Only TensorRT plans in the Python backend compute fused attention. */
  'attention-needs-plans': Nothing
  /** Only TensorRT plans compute this precision in the Python backend. */
  'precision-needs-plans': Nothing
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
  'beyond-fp16': Nothing
  /** The kernel of fused attention does not take the heads of a model. */
  'no-kernel': Nothing
  /** A classifier was given as the weights of a language model. */
  'classifier-as-weights': Nothing
  /** No inference server answers, or none finishes anything. */
  'no-server': Nothing
  /** A server does not let this client in. */
  'no-access': { lacks: 'certificates' | 'credentials' | 'address' }
  /** A server hosts another model than the bundle's, or than the other servers of the run. */
  'other-model': Nothing
  /** A server does not say which model it hosts. */
  'unstated-model': Nothing
  /** What was made before fits, and stays. */
  kept: Nothing
  /** TensorRT plans are built from graphs in a precision of GPUs. */
  'plans-need-gpu-precision': Nothing
  /** A GPU does not compute in the precision of a bundle. */
  'gpu-lacks-precision': Nothing
  /** Only TensorRT's Python bindings build plans with fused attention. */
  'attention-needs-bindings': Nothing
  /** Fused attention does not reach as far as a profile. */
  'profile-too-long': Nothing
  /** A Python has no TensorRT. */
  'no-tensorrt': Nothing
  /** A server cannot use its model repository: it was changed, or made for another server. */
  'repository-unusable': Nothing
  /** There is no model repository to serve. */
  'no-repository': Nothing
  /** Docker or a part of it is missing. */
  'no-containers': Nothing
  /** There is no GPU to start a server on. */
  'no-gpu-for-servers': Nothing
  /** A server did not become ready in time. */
  'startup-timeout': Nothing
  /** Another program listens on a port that a server was to have. */
  'port-in-use': { port: 'http' | 'grpc' | 'metrics' }
}

export type ErrorCode = keyof ErrorCodes

/** A code and its data. */
export type Detail = { [Code in ErrorCode]: { code: Code; data: ErrorCodes[Code] } }[ErrorCode]
