import { type OwnServer, OwnServers } from '../server/serve/index.ts'

export const endpointsOf = (servers: readonly { grpcUrl: string; metricsUrl: string }[]) => ({
  endpoints: servers.map(({ grpcUrl }) => grpcUrl),
  metricsUrls: servers.map(({ metricsUrl }) => metricsUrl),
})

/** Servers of this user on exactly these GPUs; on whatever they were started with where none are named. */
export function ownServers(gpus: readonly string[] | undefined): {
  servers: OwnServer[]
  isTrusted(url: string): boolean
} {
  const own = new OwnServers()
  const servers = own.list().filter(({ gpu = '' }) => gpus === undefined || gpus.includes(gpu))
  return { servers, isTrusted: (url) => own.isOwn(url) }
}
