import { Server, ServerCredentials } from '@grpc/grpc-js'
import type { Pair } from './certificates.ts'

export interface TlsServer extends Disposable {
  readonly url: string
}

/** A gRPC server without a service, which answers every call with UNIMPLEMENTED. */
export async function startGrpc({ key, cert }: Pair): Promise<TlsServer> {
  const server = new Server()
  const pair = { private_key: Buffer.from(key), cert_chain: Buffer.from(cert) }
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(null, [pair]), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  )
  return { url: `grpcs://127.0.0.1:${port}`, [Symbol.dispose]: () => server.forceShutdown() }
}

/** OpenSSL's own server, for what grpc-js does not do: old versions of TLS, and words about certificates of clients. */
export async function startOpenssl({ path }: Pair, ...options: string[]): Promise<TlsServer> {
  const child = Bun.spawn(
    [
      ...['openssl', 's_server', '-accept', '127.0.0.1:0', '-alpn', 'h2', '-cipher', 'ALL:@SECLEVEL=0'],
      ...['-cert', `${path}.crt`, '-key', `${path}.key`, ...options],
    ],
    // At the end of its input it would end.
    { stdin: 'pipe', stdout: 'pipe', stderr: 'ignore' },
  )
  let said = ''
  for await (const bytes of child.stdout) {
    said += Buffer.from(bytes).toString()
    const [, port] = /^ACCEPT .*:(\d+)$/m.exec(said) ?? []
    if (port !== undefined)
      return { url: `grpcs://127.0.0.1:${port}`, [Symbol.dispose]: () => child.kill('SIGKILL') }
  }
  throw new Error(`openssl s_server did not start: ${said}`)
}
