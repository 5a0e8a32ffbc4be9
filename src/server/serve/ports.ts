import { createServer } from 'node:net'
import type { ErrorCodes } from '../../system/error-codes.ts'
import { UsageError } from '../../system/errors.ts'
import { PortInUseError } from './errors.ts'
import { PORT_STEP, type ServerPlan, type ServerPorts } from './options.ts'

type Hindrance = ErrorCodes['port-in-use']['hindrance']

const PURPOSES: Readonly<Record<keyof ServerPorts, string>> = {
  http: 'HTTP',
  grpc: 'gRPC',
  metrics: 'metrics',
}

/**
 * Makes sure that the ports of all servers are free, before anything is started: the server itself finds out after it has
 * loaded its models.
 *
 * @throws PortInUseError naming the port; {@link UsageError} when two servers want the same
 */
export async function requireFreePorts(plans: readonly ServerPlan[]): Promise<void> {
  const taken = new Map<number, string>()
  for (const { address, ports } of plans) {
    for (const name of ['http', 'grpc', 'metrics'] as const) {
      const port = ports[name]
      const purpose = PURPOSES[name]
      if (port > 65_535)
        throw new UsageError(`port ${port} for ${purpose}: there is no such port; the last one is 65535`)
      const other = taken.get(port)
      if (other !== undefined) {
        throw new UsageError(
          `port ${port} is wanted twice, for ${other} and for ${purpose}. Choose another for one of them`,
        )
      }
      taken.set(port, purpose)
      const found = await problem(address, port)
      if (found === undefined) continue
      const [hindrance, why] = found
      throw new PortInUseError(port, `port ${port} of ${address}, for ${purpose}, cannot be used: ${why}`, {
        port: name,
        hindrance,
      })
    }
  }
}

/**
 * Three ports of this machine that nothing listens on now; those of further servers above them, in steps of
 * {@link PORT_STEP}, are free as well.
 */
export async function freePorts(servers = 1): Promise<ServerPorts> {
  for (;;) {
    const first = await listen('127.0.0.1', 0)
    const more = Array.from({ length: PORT_STEP * servers - 1 }, (_, i) =>
      listen('127.0.0.1', first.port + 1 + i),
    )
    const held = await Promise.allSettled(more)
    const free = held.flatMap((each) => (each.status === 'fulfilled' ? each.value : []))
    await Promise.all([first, ...free].map(({ close }) => close()))
    if (free.length === more.length)
      return { http: first.port, grpc: first.port + 1, metrics: first.port + 2 }
  }
}

/** Exclusive: a port shared by agreement of two programs would give each of them half of the requests. */
async function listen(host: string, port: number): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer()
  await new Promise<void>((settle, reject) => {
    server.once('error', reject).listen({ host, port, exclusive: true }, settle)
  })
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close: () => new Promise((settle) => server.close(() => settle())),
  }
}

async function problem(address: string, port: number): Promise<[Hindrance, string] | undefined> {
  try {
    await (await listen(address, port)).close()
    return undefined
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE') return ['program', 'another program listens there']
    if (code === 'EACCES') return ['port', 'ports below 1024 are for administrators']
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
      return ['address', `this machine has no address ${address}`]
    return ['address', message]
  }
}
