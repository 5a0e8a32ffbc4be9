import { temporaryFolder } from '../../scripts/support/temporary.ts'
import type { TritonServer } from '../../scripts/support/triton.ts'
import { timed } from '../result.ts'
import { busyMs, openBackend, readLog, startSleeping } from '../triton/sleeping.ts'
import { type CurvePoint, curveText } from './curve.ts'
import { embed } from './embed.ts'
import { type PlannedWindow, runLoad, totals } from './workload.ts'

export interface RealRun {
  readonly seconds: number
  readonly batches: number
  /** Share of the time that each instance was busy with a batch, as its own log has it. */
  readonly busy: readonly number[]
  /** The same for all instances together, as the servers count it: with their copies. */
  readonly serverBusy: number
  /** Seconds of work in all batches, as the curve has it. */
  readonly workSeconds: number
  readonly tailLoss: number
  /** Milliseconds of CPU time that the client used for a batch, every thread of it. */
  readonly clientMs: number
  /** Batches that an instance was given, by instance. */
  readonly batchesOf: ReadonlyMap<string, number>
}

export interface RealOptions {
  readonly curve: readonly CurvePoint[]
  readonly dimension: number
  /** Whether the servers take in requests while one is at work, as they do with plans. @default true */
  readonly overlap?: boolean
}

/**
 * Runs a load through the backend that runs use, on Triton servers whose model waits as long as a GPU would compute.
 *
 * @param instances - of each server
 */
export async function runOnServers(
  windows: readonly PlannedWindow[],
  instances: readonly number[],
  { curve, dimension, overlap = true }: RealOptions,
): Promise<RealRun> {
  await using folder = temporaryFolder()
  await using stack = new AsyncDisposableStack()
  const logs = instances.map((_, at) => folder.join(`log-${at}`))
  const servers: TritonServer[] = []
  for (const [at, count] of instances.entries()) {
    const options = { curve: curveText(curve), instances: count, dimension, overlap, log: logs[at]! }
    servers.push(stack.use(await startSleeping(folder.join(`server-${at}`), options)))
  }
  await warmUp(servers, dimension)
  const worked = async () => sum(await Promise.all(servers.map(({ grpcUrl }) => busyMs(grpcUrl, 'esm2'))))
  const before = await worked()
  const served = logs.map((log) => readLog(log).length)
  // A run begins with as little knowledge of the servers as this.
  await using backend = await openBackend(servers, dimension)
  const start = Date.now()
  const { concurrency } = backend
  const { seconds, cpuSeconds } = await timed(() =>
    runLoad(windows, { concurrency, embed: (batch) => embed(backend, batch, dimension) }),
  )
  const serverMs = (await worked()) - before
  const { batches } = totals(windows)
  const all = instances.reduce((sum, count) => sum + count, 0)
  const requests = logs.flatMap((log, at) =>
    readLog(log)
      .slice(served[at])
      .map((request) => ({ ...request, instance: `server ${at}: ${request.instance}` })),
  )
  const names = [...new Set(requests.map(({ instance }) => instance))].sort()
  const of = (name: string) => requests.filter(({ instance }) => instance === name)
  const busy = names.map(
    (name) => of(name).reduce((sum, { begin, end }) => sum + end - begin, 0) / 1000 / seconds,
  )
  return {
    seconds,
    batches,
    // One that got nothing wrote nothing.
    busy: [...busy, ...new Array<number>(Math.max(0, all - names.length)).fill(0)],
    serverBusy: serverMs / 1000 / seconds / all,
    workSeconds: sum(requests.map(({ plannedMs }) => plannedMs)) / 1000,
    tailLoss: tailLoss(
      names.map((name) => Math.max(...of(name).map(({ end }) => end))),
      start + 1000 * seconds,
      start,
    ),
    clientMs: (1000 * cpuSeconds) / batches,
    batchesOf: new Map(names.map((name) => [name, of(name).length])),
  }
}

/** A part of a run's time for each instance, from when its last batch was done until all were: what the end costs. */
function tailLoss(ends: readonly number[], end: number, start: number): number {
  return sum(ends.map((each) => end - each)) / (ends.length * (end - start))
}

/** Connections, compiled code and the servers' shared memory are there before a measurement begins. */
async function warmUp(servers: readonly TritonServer[], dimension: number): Promise<void> {
  await using backend = await openBackend(servers, dimension)
  const batch = { rows: 320, paddedLength: 8, tokens: 2560 }
  await Promise.all(Array.from({ length: 4 * backend.concurrency }, () => embed(backend, batch, dimension)))
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0)
}
