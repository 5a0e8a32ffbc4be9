import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import * as v from 'valibot'
import { parseJson } from '../../system/json.ts'
import type { Logger } from '../../system/logger.ts'
import { messageOf } from '../../system/problems.ts'
import { hasEnded, processPlace, processStart } from '../../system/processes.ts'
import { MOST_BYTES, readTextSync } from '../../system/read-within.ts'
import { atExit } from './at-exit.ts'
import { isRunning, type Listener, listenerOf, namesIn } from './listener.ts'
import { runtimeFolder } from './runtime-folder.ts'
import { type OneServer, SECRET_VARIABLE } from './server.ts'

const NAME = /^server-[0-9a-f-]{36}\.json$/

const RecordSchema = v.object({
  format: v.literal('virnucpro-server'),
  grpcUrl: v.string(),
  metricsUrl: v.string(),
  port: v.number(),
  /** Leader of the server's process group. */
  pid: v.number(),
  started: v.string(),
  /** Where process ids mean something; see `processPlace`. */
  place: v.string(),
  host: v.string(),
  /** Also in the environment of the server, which only the same user can read. */
  secret: v.string(),
  repository: v.optional(v.string(), ''),
  /** GPUs it was started with; absent for all. */
  gpu: v.optional(v.string()),
  /** The program that watches over it, and when that started. */
  starter: v.optional(v.object({ pid: v.number(), start: v.string() })),
  background: v.optional(v.boolean(), false),
  idleTimeout: v.optional(v.number()),
  /** When it was ready. */
  since: v.optional(v.string()),
})
type ServerRecord = v.InferOutput<typeof RecordSchema>

/** A server that a `virnucpro serve` of this user has started. */
export interface OwnServer {
  readonly grpcUrl: string
  readonly metricsUrl: string
  /** Its model repository. */
  readonly repository: string
  /** UUIDs of the GPUs that it was given, separated by commas; undefined for all. */
  readonly gpu?: string | undefined
  /** Whether it outlives the program that asked for it. */
  readonly background: boolean
  /** Seconds without use after which it ends; undefined for never. */
  readonly idleTimeout?: number | undefined
  /** ISO time at which it was ready. */
  readonly since?: string | undefined
  /** The program that watches over it. */
  readonly starter?: { readonly pid: number; readonly start: string } | undefined
}

/** Tells other programs of this user about a server; call the result when it has ended. */
export function announce(server: OneServer, logger: Logger | undefined): () => void {
  const folder = runtimeFolder(true)
  const started = processStart(server.pid)
  if (folder === undefined || started === undefined) {
    logger?.info(
      'there is no private folder for a record of this server: no other program finds it without its address',
    )
    return () => {}
  }
  removeStale(folder)
  const record: ServerRecord = {
    format: 'virnucpro-server',
    grpcUrl: server.grpcUrl,
    metricsUrl: server.metricsUrl,
    port: server.plan.ports.grpc,
    pid: server.pid,
    started,
    place: processPlace(),
    host: hostname(),
    secret: server.secret,
    repository: resolve(server.plan.repository),
    ...(server.plan.gpu !== undefined && { gpu: server.plan.gpu }),
    starter: { pid: process.pid, start: processStart(process.pid) ?? '' },
    background: server.plan.background ?? false,
    ...(server.plan.idleTimeout !== undefined && { idleTimeout: server.plan.idleTimeout }),
    since: new Date().toISOString(),
  }
  const path = join(folder, `server-${crypto.randomUUID()}.json`)
  try {
    // Exclusively: neither a file nor a link that is there is ever written to.
    writeFileSync(path, `${JSON.stringify(record)}\n`, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    rmSync(path, { force: true })
    logger?.info(`cannot write ${path}: ${messageOf(error)}`)
    return () => {}
  }
  const remove = () => rmSync(path, { force: true })
  const forget = atExit(remove)
  return () => {
    forget()
    remove()
  }
}

/**
 * The servers that `virnucpro serve` of this user has started and that run now. Each is proven: the record stands in a
 * folder that only this user can write to, and the process that listens at its port belongs to the group that was
 * started then, and has the secret of the record in its environment.
 */
export class OwnServers {
  readonly #proven = new Map<string, Listener>()

  /** Those that run now, in the order of their ports. */
  list(): OwnServer[] {
    const found = this.#prove()
    return found.sort((a, b) => a.port - b.port).map(({ secret: _, ...server }) => server)
  }

  /**
   * Whether what listens at an address of {@link list} is still such a server: the same, or another one that `serve` has
   * started in its place. To be asked before every request, since a port is free for anybody once its server has ended.
   */
  isOwn(grpcUrl: string): boolean {
    const known = this.#proven.get(grpcUrl)
    if (known !== undefined && isRunning(known)) return true
    this.#proven.delete(grpcUrl)
    this.#prove(grpcUrl)
    return this.#proven.has(grpcUrl)
  }

  #prove(only?: string): ServerRecord[] {
    const folder = runtimeFolder(false)
    if (folder === undefined) return []
    removeStale(folder)
    const found: ServerRecord[] = []
    for (const record of records(folder).values()) {
      if (only !== undefined && record.grpcUrl !== only) continue
      if (record.place !== processPlace() || processStart(record.pid) !== record.started) continue
      const listener = listenerOf(record.pid, record.port)
      if (listener === undefined || !knows(listener, record.secret)) continue
      this.#proven.set(record.grpcUrl, listener)
      found.push(record)
    }
    return found
  }
}

function knows({ pid }: Listener, secret: string): boolean {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    return environment.includes(`${SECRET_VARIABLE}=${secret}`)
  } catch {
    return false
  }
}

/** Of servers that were killed together with the `serve` that would have removed them. */
function removeStale(folder: string): void {
  for (const [path, record] of records(folder)) {
    const sameBoot = record.place.split(' ')[0] === processPlace().split(' ')[0]
    const gone = sameBoot
      ? record.place === processPlace() && hasEnded(record.pid, record.started)
      : record.host === hostname()
    if (gone) rmSync(path, { force: true })
  }
}

function records(folder: string): Map<string, ServerRecord> {
  const found = new Map<string, ServerRecord>()
  for (const name of namesIn(folder)) {
    if (!NAME.test(name)) continue
    try {
      const path = join(folder, name)
      found.set(path, v.parse(RecordSchema, parseJson(readTextSync(path, MOST_BYTES.note))))
    } catch {
      // It is being written, has just been removed, or is of another version.
    }
  }
  return found
}
