import { isIP } from 'node:net'
import { checkServerIdentity } from 'node:tls'
import {
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  compressionAlgorithms,
  credentials,
  type VerifyOptions,
} from '@grpc/grpc-js'
import { invalidArgument } from './errors.ts'
import { type ClientOptions, MAX_MESSAGE_BYTES, type TlsOptions } from './options.ts'
import { joinSmallPieces } from './pieces.ts'
import { Sockets } from './sockets.ts'

/** Where a server listens. */
export interface Endpoint {
  /** As given, for messages. */
  readonly url: string
  /** In the form grpc-js takes. */
  readonly target: string
  readonly tls: boolean
  /** Name or number of the machine, IPv6 without brackets; empty for a socket. */
  readonly host: string
  /** On this machine: never through a proxy. */
  readonly local: boolean
}

/** Triton's gRPC port by default. */
const DEFAULT_PORT = 8001

/**
 * Reads `grpc://HOST[:PORT]`, `grpcs://HOST[:PORT]` (encrypted) or `unix:PATH`.
 *
 * @throws TritonError INVALID_ARGUMENT
 */
export function parseEndpoint(url: string): Endpoint {
  if (url.startsWith('unix:')) {
    if (url.length === 'unix:'.length) throw refused(url)
    return { url, target: url, tls: false, host: '', local: true }
  }
  const match = /^(grpcs?):\/\/(\[[0-9a-f:.%]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?\/?$/i.exec(url)
  if (match === null) throw refused(url)
  const [, scheme = '', host = '', portText] = match
  const port = portText === undefined ? DEFAULT_PORT : Number(portText)
  if (port < 1 || port > 65535) throw refused(url)
  const local = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/i.test(host)
  return {
    url,
    target: `dns:${host}:${port}`,
    tls: scheme.toLowerCase() === 'grpcs',
    host: host.replace(/^\[|\]$/g, ''),
    local,
  }
}

function refused(url: string): Error {
  const hint = /^https?:/i.test(url)
    ? 'http(s):// is the address of another protocol; the gRPC port is 8001 by default'
    : 'headers, not the address, carry credentials'
  return invalidArgument(
    `"${url}" is not the address of a gRPC server: expected grpc://HOST:PORT, grpcs://HOST:PORT or unix:PATH (${hint})`,
  )
}

/** @throws TritonError INVALID_ARGUMENT */
export function maxAnswerBytes({ maxAnswerBytes = MAX_MESSAGE_BYTES }: ClientOptions): number {
  if (Number.isInteger(maxAnswerBytes) && maxAnswerBytes > 0 && maxAnswerBytes <= MAX_MESSAGE_BYTES)
    return maxAnswerBytes
  throw invalidArgument(
    `maxAnswerBytes must be a whole number from 1 to ${MAX_MESSAGE_BYTES}, not ${maxAnswerBytes}`,
  )
}

/** Opens a channel; the connection is made with the first call. */
export function openChannel(endpoint: Endpoint, options: ClientOptions): Client {
  if (options.tls !== undefined && !endpoint.tls)
    throw invalidArgument(`certificates were given for ${endpoint.url}: an encrypted connection is grpcs://`)
  void joinSmallPieces()
  const sockets = new Sockets()
  const client = new Client(
    endpoint.target,
    sockets.notedBy(channelCredentials(endpoint, options.tls ?? {})),
    channelOptions(endpoint, options),
  )
  const close = client.close.bind(client)
  client.close = () => {
    close()
    sockets.end()
  }
  return client
}

function channelCredentials(endpoint: Endpoint, tls: TlsOptions): ChannelCredentials {
  if (!endpoint.tls) return credentials.createInsecure()
  if ((tls.cert === undefined) !== (tls.key === undefined))
    throw invalidArgument(`${endpoint.url}: a client certificate needs both tls.cert and tls.key`)
  try {
    return credentials.createSsl(pem(tls.ca), pem(tls.key), pem(tls.cert), verification(endpoint, tls))
  } catch (cause) {
    throw invalidArgument(`${endpoint.url}: a certificate or key cannot be read: ${describe(cause)}`, {
      cause,
    })
  }
}

/**
 * TLS has no server name for an address by number, and grpc-js gives one all the same, which Bun refuses and Node warns
 * of. So a name that nobody has is sent, and the certificate checked against the number.
 */
const NO_NAME = 'address-by-number.invalid'

function byNumber(endpoint: Endpoint, tls: TlsOptions): boolean {
  return endpoint.tls && tls.serverName === undefined && isIP(endpoint.host) !== 0
}

function verification(endpoint: Endpoint, tls: TlsOptions): VerifyOptions {
  if (!byNumber(endpoint, tls)) return {}
  return { checkServerIdentity: (_name, certificate) => checkServerIdentity(endpoint.host, certificate) }
}

function pem(content: string | Uint8Array | undefined): Buffer | null {
  return content === undefined ? null : Buffer.from(content)
}

function describe(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}

/** Bytes that a server may have on their way: 4 GB/s over a network that takes a millisecond there and back. */
const FLOW_CONTROL_WINDOW = 4 * 2 ** 20

/** Meaning of the names: grpc-js, README, "Supported Channel Options". */
function channelOptions(endpoint: Endpoint, options: ClientOptions): ChannelOptions {
  const { keepalive = {}, maxReconnectDelayMs = 500, tls = {}, compression } = options
  return {
    'grpc.max_send_message_length': -1,
    // Answers over the default of 4 MiB are common.
    'grpc.max_receive_message_length': maxAnswerBytes(options),
    // With HTTP/2's default of 64 KiB the server waits for permission fifty times in an answer of 3 MB.
    'grpc-node.flow_control_window': FLOW_CONTROL_WINDOW,
    'grpc.keepalive_time_ms': keepalive.timeMs ?? 310_000,
    'grpc.keepalive_timeout_ms': keepalive.timeoutMs ?? 20_000,
    'grpc.keepalive_permit_without_calls': keepalive.withoutCalls === true ? 1 : 0,
    // The default grows to two minutes: a restarted server would stand idle that long.
    'grpc.initial_reconnect_backoff_ms': Math.min(100, maxReconnectDelayMs),
    'grpc.max_reconnect_backoff_ms': maxReconnectDelayMs,
    // Those of grpc-js keep a copy of each request and give up above 1 MB.
    'grpc.enable_retries': 0,
    // One client, one connection: a second client to the same server does not share its fate.
    'grpc.use_local_subchannel_pool': 1,
    // Else each name is also looked up in DNS as TXT.
    'grpc.service_config_disable_resolution': 1,
    'grpc.enable_http_proxy': (options.proxy ?? !endpoint.local) ? 1 : 0,
    ...(compression === undefined
      ? {}
      : { 'grpc.default_compression_algorithm': compressionAlgorithms[compression] }),
    ...(byNumber(endpoint, tls) ? { 'grpc.ssl_target_name_override': NO_NAME } : {}),
    ...(tls.serverName === undefined
      ? {}
      : { 'grpc.ssl_target_name_override': tls.serverName, 'grpc.default_authority': tls.serverName }),
  }
}
