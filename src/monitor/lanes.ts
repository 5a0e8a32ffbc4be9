import type { TritonClient } from 'tritonclient-ts'
import type { ModelName } from '../bundle/index.ts'

/** One place that computes, as the backend sees it. */
export interface MonitoredLane {
  readonly name: string
  /** Undefined for both models. */
  readonly model: ModelName | undefined
  /** `HOST:PORT`; undefined in this process. */
  readonly server: string | undefined
  readonly instances: number
  readonly inOrder: boolean
  readonly inFlight: number
  readonly batches: number
  readonly sequences: number
  readonly paddedTokens: number
  readonly busySeconds: number | undefined
  /** Most padded tokens of a batch that its memory holds, once it has run out. */
  readonly memoryTokens: number | undefined
}

/** A server to be asked how it is. */
export interface MonitoredServer {
  /** `HOST:PORT`. */
  readonly name: string
  readonly client: TritonClient
  readonly metricsUrl: string
}
