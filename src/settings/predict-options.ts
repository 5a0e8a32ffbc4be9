/** Credentials for inference servers. */
export interface TritonAccess {
  /** Certificate of the authority that signed the servers' certificates. Undefined: those the system trusts. */
  ca: string | undefined
  /** Our own certificate and its key, for servers that ask for one. */
  cert: string | undefined
  key: string | undefined
  /** `Name: value`, sent with every request. */
  header: string | undefined
}

/**
 * What one `predict` run is asked to do: every value validated, every default filled in.
 * The command line, environment and configuration file all end in this one type; the pipeline reads nothing else.
 */
export interface PredictOptions {
  /** Input files in the order given; `-` is standard input. At least one. */
  inputs: string[]
  /** Folder for the results. Undefined only in the original's three-argument form: results go beside the input. */
  outputDir: string | undefined
  /** Stem of the names of the written files. Undefined: derived from the first input. */
  prefix: string | undefined
  /** Path of a model bundle, or `demo`. */
  bundle: string | undefined
  /** Classifier file (`MODEL.pth`) that replaces the bundle's own classifier. */
  mlp: string | undefined
  /** Chunk length in bases. */
  expectedLength: number
  /** Chunk length that the user says the classifier was made for. Undefined: what the bundle or its name says. */
  classifierFor: number | undefined
  /** Compute chunks of another length than the classifier was made for. @default false */
  anyLength: boolean
  /** Frames per part file. @default 10000 */
  sequencesPerFile: number
  /** Names and folders of the written files: the original's, or those of Broad's fork. */
  layout: 'vanilla' | 'broad'
  /** Keep the part files and `.pt` intermediates after the run. */
  keepIntermediate: boolean
  /** Continue an interrupted run in the same output folder. */
  resume: boolean
  /** Write into an output folder that already exists. */
  force: boolean
  backend: 'auto' | 'onnx' | 'triton'
  /** Inference servers as `grpc://HOST:PORT` or `grpcs://HOST:PORT`; empty when none is configured. */
  triton: string[]
  /** How to be let in by the servers: files in PEM form, and a header for a proxy that wants one. */
  tritonAccess: TritonAccess
  /** Seconds in which work waits and no server finishes any of it, after which the run is given up. @default 300 */
  serverTimeout: number
  /** Use servers that do not say which model they host. @default false */
  trustServer: boolean
  /** Model repository for a server that is started for this run. */
  repository: string | undefined
  /** How that server is started; see `ServeOptions`. */
  serverBin: string | undefined
  backendDirectory: string | undefined
  libraryPath: string | undefined
  /** A GPU that was asked for and is not there may be replaced by the processor: Broad's `fallback_to_cpu`. */
  fallbackToCpu: boolean
  /** GPU numbers to use. Undefined: the backend chooses. */
  gpus: number[] | undefined
  /** Threads of one model call. Undefined: chosen from the cores available. */
  threads: number | undefined
  /** Most padded tokens in one ESM-2 batch. Undefined: the backend chooses. */
  esmTokenBudget: number | undefined
  /** Most padded tokens in one DNABERT-S batch. Undefined: the backend chooses. */
  dnabertTokenBudget: number | undefined
  /** Rows in one classifier call. @default 256 */
  mlpBatchSize: number
  /** Records that cannot be read: `skip` reports and goes on, `fail` stops, `auto` decides by the kind of fault. */
  onInvalid: 'auto' | 'skip' | 'fail'
  /** Ids that were seen before: an error, a name of their own (`_2`), or left out. */
  duplicateIds: 'fail' | 'suffix' | 'skip'
  /** A pipe that gives nothing is a sample without reads, as an empty file is, and no error. */
  allowEmpty: boolean
  /** Write summary, page and MultiQC tables at the end. @default true */
  report: boolean
  /** Write samples of the run into the folder of the report. @default true */
  metrics: boolean
  /** Seconds between two samples. @default 10 */
  metricsInterval: number
  /** Port of this machine at which the last sample can be fetched. Undefined: none. */
  metricsPort: number | undefined
  /** Where each of `triton` answers for Prometheus; empty: the port after that of gRPC. */
  tritonMetrics: string[]
  /** Show progress on standard error. */
  progress: boolean
  /** Show errors only. */
  quiet: boolean
  /** Show debug lines. */
  verbose: boolean
  /** File that every log line is appended to. */
  logFile: string | undefined
}
