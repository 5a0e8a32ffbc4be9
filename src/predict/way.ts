import type { Bundle } from '../bundle/index.ts'
import type { TritonOptions } from '../dispatch/index.ts'
import type { RecordFilter } from '../sequence/index.ts'
import type { RuntimeLaunch } from '../server/runtime/index.ts'
import type { ServeOptions } from '../server/serve/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import type { Logger } from '../system/logger.ts'

/** What decides which way embeddings are computed. */
export type WayOptions = Pick<
  PredictOptions,
  | 'backend'
  | 'triton'
  | 'tritonMetrics'
  | 'tritonAccess'
  | 'serverTimeout'
  | 'trustServer'
  | 'repository'
  | 'serverBin'
  | 'backendDirectory'
  | 'libraryPath'
  | 'keepServer'
  | 'gpus'
  | 'fallbackToCpu'
  | 'threads'
> & {
  /** What the time in this process is estimated from; without any it is not. */
  readonly inputs: readonly string[]
  readonly expectedLength: number
} & RecordFilter

export interface WayRequest {
  readonly options: WayOptions
  readonly bundle: Bundle
  /** Whether the bundle is of the home: GPUs are set up for it, and no other. */
  readonly isOfHome: boolean
  readonly logger: Logger
  readonly signal?: AbortSignal | undefined
}

/** Servers to use, and who says that they are still what they were. */
export type Servers = Pick<TritonOptions, 'endpoints' | 'metricsUrls' | 'isTrusted'>

/** How servers are started, but for their ports; they share the GPUs. */
export type Launch = RuntimeLaunch & Pick<ServeOptions, 'repository' | 'gpus'>

/** Which way the embeddings of a run are computed; `why` is for people. */
export type Way = Here | Running | Started

/** ONNX Runtime in this process. */
export interface Here {
  readonly kind: 'here'
  readonly why: string
}

/** Servers that run already. */
export interface Running {
  readonly kind: 'running'
  readonly servers: Servers
  /** The bundle that they must have the models of, where it is another than that of the run. */
  readonly models?: Bundle | undefined
  readonly why: string
}

/** A server that is started for the run. */
export interface Started {
  readonly kind: 'started'
  readonly launch: Launch
  readonly models?: Bundle | undefined
  readonly why: string
}
