import { type Lane, PullQueue } from '../../src/dispatch/index.ts'
import { batchSeconds, type CurvePoint } from './curve.ts'
import { VirtualTime } from './virtual-time.ts'
import { type PlannedBatch, type PlannedWindow, runLoad } from './workload.ts'

/** Milliseconds of the one thread that the client has. */
export interface ClientCost {
  /** For a request and its answer, however small. */
  readonly requestMs: number
  /** For each MB (10⁶ bytes) of an answer. */
  readonly megabyteMs: number
  /** For reading, translating and tokenizing a frame. */
  readonly frameMs: number
}

export interface SimulatedServer {
  readonly gpus: number
  /** Speed of its GPUs against the curve. @default 1 */
  readonly speed?: number
}

export interface Simulation {
  readonly servers: readonly SimulatedServer[]
  readonly curve: readonly CurvePoint[]
  /** What a GPU is kept from computing for each batch, in milliseconds. */
  readonly serverMs: number
  /** From one machine to the other, one way, in milliseconds. */
  readonly networkMs: number
  /** Numbers of 4 bytes in an embedding. */
  readonly dimension: number
  readonly client: ClientCost
}

export interface GpuRecord {
  /** Milliseconds of computing. */
  busy: number
  batches: number
  /** When its last batch was done. */
  end: number
}

export interface Simulated {
  readonly seconds: number
  readonly gpus: readonly GpuRecord[]
  /** Part of the time that the client's thread had something to do. */
  readonly clientBusy: number
  /** Batches given to a second server because the first was slow. */
  readonly takenOver: number
  /** How often each batch was answered, in the order of the windows. */
  readonly answered: readonly number[]
}

const REQUESTS_PER_GPU = 2
/** Of a request's own cost, what comes before it is sent. */
const SENDING = 0.5

/**
 * Runs a load on simulated servers. Real are the queue that spreads batches over servers (`PullQueue`), its limiter and the
 * overlap of windows (src/predict); simulated are time, GPUs, the network and the client's thread.
 */
export async function simulate(windows: readonly PlannedWindow[], options: Simulation): Promise<Simulated> {
  const time = new VirtualTime()
  const thread = new Thread(time)
  const servers = options.servers.map(
    (server, at) => new Server(`server ${at}`, server, options, time, thread),
  )
  const queue = new PullQueue<PlannedBatch, void>(servers, {
    cost: ({ rows, paddedLength }) => rows * paddedLength,
    patienceMs: 60_000,
    gaveUp: (reason) => new Error(reason),
    clock: time,
  })
  const answered: number[] = []
  let batches = 0
  const load = runLoad(windows, {
    concurrency: queue.depth,
    prepare: ({ frames }) => thread.use(frames * options.client.frameMs),
    async embed(batch) {
      const number = batches++
      await queue.submit(batch)
      answered[number] = (answered[number] ?? 0) + 1
    },
  })
  await time.run(load)
  const end = time.now()
  queue.close()
  const gpus = servers.flatMap((server) => server.gpus)
  return {
    seconds: end / 1000,
    gpus,
    clientBusy: thread.busy / end,
    takenOver: servers.reduce((sum, server) => sum + server.taken, 0) - batches,
    answered,
  }
}

/** The event loop of the client: one thing at a time, in the order they come. */
class Thread {
  busy = 0
  #freeAt = 0
  readonly #time: VirtualTime

  constructor(time: VirtualTime) {
    this.#time = time
  }

  use(ms: number): Promise<void> {
    this.busy += ms
    this.#freeAt = Math.max(this.#freeAt, this.#time.now()) + ms
    return this.#time.sleep(this.#freeAt - this.#time.now())
  }
}

interface Waiting {
  readonly batch: PlannedBatch
  readonly done: () => void
}

/** A server with one queue for its GPUs, as Triton has for the instances of a model. */
class Server implements Lane<PlannedBatch, void> {
  readonly name: string
  readonly capacity: number
  readonly instances: number
  readonly gpus: GpuRecord[]
  /** Batches that it was given. */
  taken = 0
  readonly #idle: GpuRecord[]
  readonly #waiting: Waiting[] = []
  readonly #speed: number
  readonly #options: Simulation
  readonly #time: VirtualTime
  readonly #thread: Thread

  constructor(
    name: string,
    { gpus, speed = 1 }: SimulatedServer,
    options: Simulation,
    time: VirtualTime,
    thread: Thread,
  ) {
    this.name = name
    this.instances = gpus
    this.capacity = REQUESTS_PER_GPU * gpus
    this.gpus = Array.from({ length: gpus }, () => ({ busy: 0, batches: 0, end: 0 }))
    this.#idle = [...this.gpus]
    this.#speed = speed
    this.#options = options
    this.#time = time
    this.#thread = thread
  }

  async run(batch: PlannedBatch, signal: AbortSignal): Promise<void> {
    this.taken++
    const { client, dimension, networkMs } = this.#options
    await this.#thread.use(client.requestMs * SENDING)
    await this.#time.sleep(networkMs)
    await this.#compute(batch, signal)
    await this.#time.sleep(networkMs)
    signal.throwIfAborted()
    const megabytes = (batch.rows * dimension * 4) / 1e6
    await this.#thread.use(client.requestMs * (1 - SENDING) + client.megabyteMs * megabytes)
  }

  /** A cancelled request leaves the queue; one that a GPU has begun is computed to its end. */
  #compute(batch: PlannedBatch, signal: AbortSignal): Promise<void> {
    return new Promise((done, reject) => {
      signal.throwIfAborted()
      const waiting = { batch, done }
      this.#waiting.push(waiting)
      signal.addEventListener('abort', () => {
        const at = this.#waiting.indexOf(waiting)
        if (at >= 0) this.#waiting.splice(at, 1)
        reject(signal.reason)
      })
      this.#next()
    })
  }

  #next(): void {
    const gpu = this.#idle[0]
    const next = this.#waiting[0]
    if (gpu === undefined || next === undefined) return
    this.#idle.shift()
    this.#waiting.shift()
    const { rows, paddedLength } = next.batch
    const { curve, serverMs } = this.#options
    const computing = (1000 * batchSeconds(curve, rows, paddedLength)) / this.#speed
    this.#time.after(serverMs + computing, () => {
      gpu.busy += computing
      gpu.batches++
      gpu.end = this.#time.now()
      this.#idle.push(gpu)
      next.done()
      this.#next()
    })
  }

  async probe(): Promise<boolean> {
    return true
  }

  judge(): 'job' {
    return 'job'
  }
}
