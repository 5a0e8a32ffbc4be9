/** Largest gRPC message: its length is announced in 32 bits, and neither protobuf nor Triton takes more than 2^31 - 1. */
export const MAX_MESSAGE_BYTES = 2 ** 31 - 1

/** Certificates, each PEM text or bytes. */
export interface TlsOptions {
  /** Of the authorities to trust, instead of those the runtime knows. */
  readonly ca?: string | Uint8Array
  /** This client's own certificate chain and key, for servers that ask for one (mutual TLS). */
  readonly cert?: string | Uint8Array
  readonly key?: string | Uint8Array
  /** Name to expect in the server's certificate, where it differs from the host in the address. */
  readonly serverName?: string
}

/**
 * Detects a server that vanished without closing the connection.
 *
 * A server counts pings that come too often and then hangs up (ENHANCE_YOUR_CALM): by default it allows one each
 * 5 minutes. The defaults here stay above that and ping only while a call is in flight. To notice sooner, start Triton
 * with `--grpc-http2-min-recv-ping-interval-without-data=MS` and set `timeMs` above that.
 */
export interface KeepaliveOptions {
  /** Default 310,000. */
  readonly timeMs?: number
  /** How long to wait for the answer to a ping. Default 20,000. */
  readonly timeoutMs?: number
  /** Also ping while no call is in flight; needs `--grpc-keepalive-permit-without-calls=1`. Default false. */
  readonly withoutCalls?: boolean
}

/**
 * When a call fails because the server could not take it (`unavailable`, `draining`, `busy`), it is sent again, after
 * a random time between half and the whole of a delay that doubles. Calls that change something on the server and
 * inferences that belong to a sequence are sent once only.
 */
export interface RetryOptions {
  /** Attempts in all. Default 3. */
  readonly attempts?: number
  /** Default 100. */
  readonly initialDelayMs?: number
  /** Default 2,000. */
  readonly maxDelayMs?: number
}

/** Values are text; those of names that end in `-bin` are bytes. */
export type Headers = Readonly<Record<string, string | Uint8Array | readonly (string | Uint8Array)[]>>

export interface ClientOptions {
  /** `grpc://HOST[:PORT]`, `grpcs://HOST[:PORT]` or `unix:PATH`. */
  readonly url: string
  readonly tls?: TlsOptions
  /** Sent with every call, such as `authorization`; a function is called for each attempt. */
  readonly headers?: Headers | (() => Headers | Promise<Headers>)
  /**
   * Longest time of a call, all attempts together, in milliseconds; 0 for no limit. Default 60,000, for loading and
   * unloading models 600,000, for streams 0.
   */
  readonly deadlineMs?: number
  readonly keepalive?: KeepaliveOptions
  readonly retry?: RetryOptions | false
  /** Longest pause between two attempts to connect, in milliseconds. Default 500; it starts with 100. */
  readonly maxReconnectDelayMs?: number
  /** Compress requests. Default none: tensors rarely shrink enough to pay for it. */
  readonly compression?: 'gzip' | 'deflate'
  /**
   * Largest answer that is taken, in bytes, also once it is decompressed; a larger one fails as `bad-answer` as soon as its
   * length is announced. Default 2^31 - 1, the largest message that protobuf knows.
   */
  readonly maxAnswerBytes?: number
  /** Go through the proxy named in the environment (`https_proxy` and others). Default true, false for this machine. */
  readonly proxy?: boolean
}

/** For one call. */
export interface CallOptions {
  /** Instead of the client's. */
  readonly deadlineMs?: number
  /** Cancels the call on both sides. */
  readonly signal?: AbortSignal | undefined
  /** In addition to the client's; the same name replaces. */
  readonly headers?: Headers
  /** Instead of the client's. */
  readonly retry?: RetryOptions | false
  /** Waits for a connection until the deadline, instead of failing at once while there is none. Default false. */
  readonly waitForReady?: boolean
}

/** For a stream. */
export interface StreamOptions extends CallOptions {
  /**
   * Most requests sent and not yet answered. The server takes requests faster than it works them off and queues the
   * rest in its memory, so set this where there are many or large ones. Default no limit: a model that answers a request
   * several times, or never, only shows that it is done where the request has the parameter
   * `triton_enable_empty_final_response: true`.
   */
  readonly maxPending?: number
}
