import { createServer } from 'node:net'
import { DEFAULT_PORTS, OwnServers } from '../../server/serve/index.ts'
import { type Check, ok, warning } from '../finding.ts'

export default {
  id: 'ports',
  title: 'Ports',
  about: 'whether the usual ports of `serve` are free, or a server of yours has them',
  remedy: 'virnucpro serve --http-port N --grpc-port N --metrics-port N',
  async examine() {
    const ports = Object.values(DEFAULT_PORTS)
    const taken = await Promise.all(ports.map(isTaken))
    const [first] = ports.filter((_, i) => taken[i])
    if (first === undefined) return ok(`${ports.join(', ')} are free`)
    const own = new OwnServers().list().map(({ grpcUrl }) => grpcUrl)
    if (own.some((url) => url.endsWith(`:${DEFAULT_PORTS.grpc}`)))
      return ok(`your server listens at ${own.join(', ')}`)
    const names = ports.filter((_, i) => taken[i]).join(', ')
    return warning(`another program listens at ${names}`, this.remedy)
  },
} satisfies Check

async function isTaken(port: number): Promise<boolean> {
  const server = createServer()
  return await new Promise((settle) => {
    server.once('error', ({ code }: NodeJS.ErrnoException) => settle(code === 'EADDRINUSE'))
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => settle(false)))
  })
}
