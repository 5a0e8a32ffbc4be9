import { createServer } from 'node:net'
import { UsageError } from '../../system/errors.ts'
import { PortInUseError } from './errors.ts'
import type { ServerPlan, ServerPorts } from './options.ts'

const PURPOSES: Readonly<Record<keyof ServerPorts, string>> = {
  http: 'HTTP',
  grpc: 'gRPC',
  metrics: 'metrics',
}

/**
 * Makes sure that the ports of all servers are free, before anything is started: the server itself finds out after it has
 * loaded its models.
 *
 * @throws {PortInUseError} naming the port and the option that changes it; {@link UsageError} when two servers want the same
 */
export async function requireFreePorts(plans: readonly ServerPlan[]): Promise<void> {
  const taken = new Map<number, string>()
  for (const { address, ports } of plans) {
    for (const name of ['http', 'grpc', 'metrics'] as const) {
      const port = ports[name]
      const flag = `--${name}-port`
      if (port > 65_535) throw new UsageError(`${flag}: there is no port ${port}; the last one is 65535`)
      const other = taken.get(port)
      if (other !== undefined) {
        throw new UsageError(
          `port ${port} is wanted twice, by ${other} and ${flag}. Choose another for one of them`,
        )
      }
      taken.set(port, flag)
      const why = await problem(address, port)
      if (why !== undefined) throw new PortInUseError(address, port, flag, PURPOSES[name], why)
    }
  }
}

/** Three ports of this machine that nothing listens on now; all are held at once, so that they differ. */
export async function freePorts(): Promise<ServerPorts> {
  const servers = [0, 1, 2].map(() => createServer().listen({ port: 0, host: '127.0.0.1', exclusive: true }))
  const ports = await Promise.all(
    servers.map(async (server) => {
      await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject))
      const address = server.address()
      return typeof address === 'object' && address !== null ? address.port : 0
    }),
  )
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  const [http = 0, grpc = 0, metrics = 0] = ports
  return { http, grpc, metrics }
}

function problem(address: string, port: number): Promise<string | undefined> {
  return new Promise((settle) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => settle(explain(error, address)))
    // Exclusive: a port shared by agreement of two programs would give each of them half of the requests.
    server.listen({ host: address, port, exclusive: true }, () => server.close(() => settle(undefined)))
  })
}

function explain(error: NodeJS.ErrnoException, address: string): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return 'another program listens there'
    case 'EACCES':
      return 'ports below 1024 are for administrators'
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `this machine has no address ${address}`
    default:
      return error.message
  }
}
