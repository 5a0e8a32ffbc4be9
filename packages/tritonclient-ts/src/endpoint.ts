import { invalidArgument } from './errors.ts'

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

/** Triton's gRPC port unless told otherwise. */
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
