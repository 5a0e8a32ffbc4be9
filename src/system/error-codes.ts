/** What an error means to whoever called; the command line has an exit code for each (docs/reference/exit-codes.md). */
export type ErrorKind =
  | 'failure'
  | 'usage'
  | 'badData'
  | 'noInput'
  | 'unavailable'
  | 'cannotCreate'
  | 'inputOutput'
  | 'tryAgain'

/** The data of a code that says it all. */
export type NoData = Record<string, never>

/**
 * Every code of an error or warning about which a front end has more to say, with the data that comes with it. The
 * message says what happened and where; what to do about it depends on who asks: the command line names its options.
 */
export interface ErrorCodes {
  /** A file lacks the marker at its end. */
  'missing-end': NoData
  /** Something of an earlier call stands where a result is to go. */
  'place-taken': { path: string; oldRun?: boolean }
  /** A file that no run has recorded has the name of one that a run is to write. */
  'foreign-file': { path: string; oldRun?: boolean }
  /** A start over several samples would write a file that no run has recorded. */
  'place-not-ours': NoData
  /** What was asked for has been computed before, by this or another program. */
  'already-computed': NoData
  /** Files that are to be samples cannot have the names of samples. */
  'sample-names': NoData
  /** An input was changed while a run read it. */
  'input-changed': NoData
  /** Nobody has said for which chunk length a classifier was made. */
  'chunk-length-unknown': NoData
  /** A classifier was made for another chunk length than that of the run. */
  'chunk-length-mismatch': { length: number }
  /** A bundle has none of its classifiers for the chunk length of a run. */
  'no-classifier': { lengths: readonly number[] }
  /** There is no more precise model beside a quantized one. */
  'no-partner': NoData
  /** How far a quantized model may be off was not measured. */
  'no-bounds': NoData
  /** A frame differs by more than was measured for its length class. */
  'bound-exceeded': NoData
  /** How far a quantized model is from its partner is to be measured where both are hosted. */
  'not-measured': { bundle: string }
  /** One of several classifiers has no known chunk length. */
  'classifier-length': NoData
  /** A bundle has another classifier for a chunk length. */
  'classifier-taken': NoData
  /** The memory of a device does not hold batches as large as planned, but those of so many padded tokens. */
  'memory-too-small': { model: string; tokens: number }
  /** Servers are used that the user has started, though none was named. */
  'own-servers': NoData
  /** A server goes on when the run that started it has ended. */
  'server-kept': NoData
  /** A server has the models of the run, but nobody has named it. */
  'unnamed-server': { url: string }
  /** No server program is named, and none found. */
  'no-server-program': NoData
  /** There is a GPU, and no model repository for a server. */
  'repository-not-named': NoData
  /** A server is asked for, and there is no GPU for it. */
  'no-gpu': NoData
  /** Servers are to compute, and none was named. */
  'no-server-named': NoData
  /** A GPU is asked for, and none would be used. */
  'gpu-not-used': NoData
  /** The CPU cannot compute a bundle. */
  'needs-server': { fused: boolean }
  /** No bundle is given, and there is no default: there is none at all, or there are several. */
  'bundle-not-named': { bundles: boolean }
  /** The default bundle has been removed. */
  'default-missing': NoData
  /** There is no bundle of that name in the home. */
  'no-such-bundle': NoData
  /** A model makes embeddings with NaN or infinity. */
  'not-finite': NoData
  /** Some frames of a run could not be computed. */
  'frames-missing': NoData
  /** Files of a run that is to be migrated are damaged or contradict each other. */
  'checkpoints-unusable': NoData
  /** A migration would overwrite files of somebody else. */
  'names-taken': NoData
  /** A server has stopped answering, and there is no other to take its batches. */
  'server-stalled': NoData
  /** No model of a server computes on one of its GPUs. */
  'gpu-idle': NoData
  /** The program itself is slower than the devices that compute for it. */
  'client-bound': NoData
  /** A folder holds no report. */
  'no-report': NoData
  /** A bundle in a precision that the CPU does not compute is no reference. */
  'no-reference': NoData
  /** Embeddings of the original lie without the sequences they are of. */
  'no-golden-sequences': NoData
  /** The port for metrics is not available. */
  'metrics-port': NoData
  /** There are not as many addresses for metrics as servers. */
  'metrics-addresses': NoData
  /** Where a server should have metrics, there are none. */
  'no-metrics': NoData
  /** TensorRT plans are missing, or must be built again. */
  'no-plans': NoData
  /** TensorRT plans are needed, and no folder of them is named. */
  'plans-not-named': NoData
  /** Only TensorRT plans in the Python backend compute fused attention. */
  'attention-needs-plans': NoData
  /** Only TensorRT plans compute this precision in the Python backend. */
  'precision-needs-plans': NoData
  /** An input is compressed in a way that is not read; `command` writes its text. */
  'foreign-compression': { command: string }
  /** A stream gave nothing, which may be right. */
  'empty-stream': { source: string }
  /** Two records have one id. */
  'duplicate-id': { id: string }
  /** A record holds amino acids where nucleotides are read. */
  protein: { id: string }
  /** A record has a header only. */
  'empty-record': { id: string }
  /** A file of a bundle is missing, or not what was imported. */
  'bundle-damaged': NoData
  /** A folder that should be a bundle has no manifest. */
  'no-bundle': { path: string }
  /** A model has numbers that FP16 does not. */
  'beyond-fp16': NoData
  /** The kernel of fused attention does not take the heads of a model. */
  'no-kernel': NoData
  /** A classifier was given as the weights of a language model. */
  'classifier-as-weights': NoData
  /** The weights of one language model were given as those of another. */
  'other-weights': { model: 'esm2' | 'dnabert_s' }
  /** No inference server answers, or none finishes anything. */
  'no-server': NoData
  /** A server does not let this client in. */
  'no-access': { lacks: 'certificates' | 'credentials' | 'address' }
  /** A file for TLS is not what it should be. */
  'bad-certificate': NoData
  /** A server hosts another model than the bundle's, or than the other servers of the run. */
  'other-model': NoData
  /** A server does not say which model it hosts. */
  'unstated-model': NoData
  /** What was built or measured before fits, and stays. */
  kept: { again: 'build it' | 'import it' | 'measure' }
  /** TensorRT plans are built from graphs in a precision of GPUs. */
  'plans-need-gpu-precision': NoData
  /** A GPU does not compute in the precision of a bundle. */
  'gpu-lacks-precision': NoData
  /** Only TensorRT's Python bindings build plans with fused attention. */
  'attention-needs-bindings': NoData
  /** Fused attention does not reach as far as a profile. */
  'profile-too-long': NoData
  /** A Python has no TensorRT. */
  'no-tensorrt': NoData
  /** A server cannot use its model repository: it was changed, or made for another server. */
  'repository-unusable': NoData
  /** There is no model repository to serve. */
  'no-repository': NoData
  /** The system lacks what the work needs. */
  'other-platform': { windows: boolean }
  /** Docker or a part of it is missing. */
  'no-containers': NoData
  /** There is no GPU to start a server on. */
  'no-gpu-for-servers': NoData
  /** The server that was set up for GPUs is gone, or cannot be used any more. */
  'runtime-gone': NoData
  /** The image of a container cannot be fetched. */
  'no-image': NoData
  /** Packages of a private server are missing, or cannot be downloaded. */
  'no-packages': NoData
  /** A damaged bundle is made again, and nobody knows where its classifiers come from. */
  'classifiers-needed': NoData
  /** The disk of the home does not hold what is to be written to it. */
  'no-room-in-home': NoData
  /** A server did not become ready in time. */
  'startup-timeout': NoData
  /** A server cannot listen where it was to: another program does, or this machine does not allow it. */
  'port-in-use': { port: 'http' | 'grpc' | 'metrics'; hindrance: 'program' | 'port' | 'address' }
  /** A server has not got a file that was to be downloaded, or does not answer. */
  'no-download': NoData
  /** A server does not let this client have a file. */
  'download-refused': NoData
  /** A disk does not hold what is to be written to it. */
  'no-room': NoData
  /** A process uses something that is to be removed or replaced. */
  'in-use': NoData
  /** Nobody can answer a question. */
  'cannot-ask': NoData
  /** The record of what was set up is damaged. */
  'home-damaged': NoData
  /** This machine has GPUs, and no server for them. */
  'no-runtime': NoData
  /** Nothing is set up for GPUs, or what was set up is gone. */
  'gpus-not-set-up': {
    /** Seconds that set-up takes, about. */
    setupSeconds?: number | undefined
    /** Seconds of the run in this process, about; null where nobody knows. */
    hereSeconds?: number | null | undefined
  }
  /** The weight files that a bundle was made from are needed once more, and are not where they were. */
  'no-sources': NoData
  /** A home cannot be used, but another one could be. */
  'other-home': NoData
  /** What is to be embedded, the model and what the input holds do not go together. */
  'embedding-clash': NoData
  /** Whether an input holds DNA or proteins cannot be found out before it is read. */
  'alphabet-unknown': NoData
  /** A sequence is longer than the model is given. */
  'too-long': { id: string }
  /** A model has refused a sequence. */
  'sequence-refused': { id: string }
  /** Some sequences have no embedding. */
  'embeddings-missing': NoData
  /** A file that no run has recorded has the name of an output. */
  'output-taken': { path: string }
  /** A path does not exist, but names a model that can be downloaded. */
  'can-be-pulled': { name: string }
}

/** The name of what happened: it stays the same when messages are reworded. */
export type ErrorCode = keyof ErrorCodes

/** A code and its data. */
export type Detail = { [Code in ErrorCode]: { code: Code; data: ErrorCodes[Code] } }[ErrorCode]
