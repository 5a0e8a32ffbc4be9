import { messageOf } from '../system/problems.ts'

/** What a failed attempt says about the job and about the lane. */
export type Verdict =
  /** The lane is not healthy: give the job to another one, and probe the lane until it answers. */
  | 'lane'
  /** The same, and the answers still to come from the lane cannot be trusted: its other jobs are done again. */
  | 'distrust'
  /** The job may be what is wrong: another lane has one try, then it counts as failed. */
  | 'job'
  /** Nothing will come of any job, now or later: all fail with this error. */
  | 'stop'

/** Somewhere a job can be done. */
export interface Lane<Job, Result> {
  readonly name: string
  /** Jobs on their way at once. */
  readonly capacity: number
  /** Jobs that are really computed at once; the others wait their turn there. */
  readonly instances: number
  /** Does a job. @param progress - to be called when some part of it is done. @throws what `judge` is asked about */
  run(job: Job, signal: AbortSignal, progress: () => void): Promise<Result>
  /** True when the lane seems able to take jobs again; may repair it. It is believed once a job is done. */
  probe(signal: AbortSignal): Promise<boolean>
  /** What an error of `run` means. */
  judge(error: unknown): Verdict
}

/** How a queue weighs its jobs, and when it gives them up. */
export interface PullQueueOptions<Job> {
  /** Work of a job, in any unit that time is proportional to. */
  cost(job: Job): number
  /**
   * Milliseconds in which jobs waited or were under way and none was done, after which all are given up. Nothing but
   * finished work counts: a lane may seem healthy and never do a job. A lane that does none while others do counts as unhealthy.
   */
  patienceMs: number
  /** Milliseconds between probes of an unhealthy lane; twice as long after each try in vain. @default 500 */
  probeMs?: number
  /** Called when a lane drops out, and why, and when it has done a job again. */
  onLane?(name: string, state: 'lost' | 'back', reason: string): void
  /** The error for jobs that are left when none was done for `patienceMs`. */
  gaveUp(lastReason: string): Error
  /** @default the time of this machine */
  clock?: Clock
}

/** What time it is for a queue; a simulation brings its own. */
export interface Clock {
  /** Milliseconds since any moment. */
  now(): number
  /** Calls once, after that many milliseconds. @returns what takes it back */
  after(ms: number, call: () => void): () => void
  /** Calls again and again; does not keep the process alive. @returns what ends it */
  every(ms: number, call: () => void): () => void
}

const MACHINE_CLOCK: Clock = {
  now: () => performance.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms)
    return () => clearTimeout(timer)
  },
  every(ms, call) {
    const timer = setInterval(call, ms)
    timer.unref()
    return () => clearInterval(timer)
  },
}

interface Entry<Job, Result> {
  readonly job: Job
  readonly cost: number
  readonly answer: PromiseWithResolvers<Result>
  readonly attempts: Set<Attempt<Job, Result>>
  /** Lanes that answered this very job with an error. */
  readonly refusedBy: Set<LaneState<Job, Result>>
  /** How often the job was withdrawn because no answer came. */
  stalls: number
  /** Stops listening to the signal of the job. */
  release(): void
}

interface Attempt<Job, Result> {
  readonly entry: Entry<Job, Result>
  readonly lane: LaneState<Job, Result>
  readonly started: number
  /** Cost of what the lane had to do before this. */
  readonly ahead: number
  readonly controller: AbortController
}

class LaneState<Job, Result> {
  readonly lane: Lane<Job, Result>
  healthy = true
  /** It has been lost and seems to be back: it gets one job, and counts as back once that is done. */
  onTrial = false
  /** Times that it seemed to be back in a row, and was not. */
  relapses = 0
  /** Milliseconds in which it has had work and done none. */
  silentMs = 0
  readonly running = new Set<Attempt<Job, Result>>()
  /** Cost per millisecond of one instance, smoothed; undefined before the first answer. */
  rate: number | undefined

  constructor(lane: Lane<Job, Result>) {
    this.lane = lane
  }

  get hasRoom(): boolean {
    return this.healthy && this.running.size < (this.onTrial ? 1 : this.lane.capacity)
  }

  /** Part of the lane's places that is taken. */
  get share(): number {
    return this.running.size / this.lane.capacity
  }

  /**
   * Milliseconds after which a job given to the lane now would be done; endless when it has stopped answering. Before a
   * lane's first answer the time since its oldest job was given: that it takes as long again is a fair guess.
   */
  expected(cost: number, now: number): number {
    const { rate } = this
    if (rate === undefined) {
      for (const { started } of this.running) return now - started
      return 0
    }
    let waiting = 0
    for (const attempt of this.running) {
      if (this.isLate(attempt, now)) return Number.POSITIVE_INFINITY
      waiting += Math.max(0, attempt.entry.cost / rate - (now - attempt.started))
    }
    return waiting / this.lane.instances + cost / rate
  }

  /** Milliseconds until each of its jobs is expected to be done, in the order in which they were given; endless on a lost lane. */
  remaining(now: number): Remaining<Job, Result>[] {
    let before = 0
    return Array.from(this.running, (attempt) => {
      const passed = now - attempt.started
      if (!this.healthy) return { attempt, left: Number.POSITIVE_INFINITY }
      if (this.rate === undefined) return { attempt, left: passed }
      before += attempt.entry.cost / this.rate
      return { attempt, left: Math.max(0, before / this.lane.instances - passed) }
    })
  }

  /** True when no answer is to be expected any more. */
  isStalled(attempt: Attempt<Job, Result>, now: number): boolean {
    const patience = Math.max(STALL_MS, STALL_FACTOR * this.#duration(attempt)) * 2 ** attempt.entry.stalls
    return now - attempt.started > patience
  }

  /** True when an answer is so long overdue that the lane has probably stopped, not only slowed down. */
  isLate(attempt: Attempt<Job, Result>, now: number): boolean {
    return now - attempt.started > LATE_FACTOR * this.#duration(attempt) + LATE_MS
  }

  /** Milliseconds that an attempt should take; endless where nothing is known. */
  #duration({ ahead, entry }: Attempt<Job, Result>): number {
    if (this.rate === undefined) return Number.POSITIVE_INFINITY
    return (ahead / this.lane.instances + entry.cost) / this.rate
  }

  /** Learns from a job that took so long, with what was before it, shared by the instances, and with itself, on one of them. */
  learn({ ahead, entry, started }: Attempt<Job, Result>, now: number): void {
    const rate = (ahead / this.lane.instances + entry.cost) / Math.max(0.01, now - started)
    this.rate = this.rate === undefined ? rate : (1 - SMOOTHING) * this.rate + SMOOTHING * rate
  }
}

interface Remaining<Job, Result> {
  readonly attempt: Attempt<Job, Result>
  readonly left: number
}

/** An answer is late after this many times its expected time, and this many milliseconds for good measure. */
const LATE_FACTOR = 3
const LATE_MS = 1000
/** Newer answers count this much in a lane's rate. */
const SMOOTHING = 0.3
/** A job is taken over when the other lane would be done with it this many times sooner. */
const TAKE_OVER_GAIN = 1.5
/**
 * A job without an answer is withdrawn after this many times its expected time, and not before this many
 * milliseconds; each time it happens to a job the time doubles, so that a slow server is never asked in vain for ever.
 */
const STALL_FACTOR = 10
const STALL_MS = 10_000
/** How often stalled jobs are looked for, in milliseconds. */
const WATCH_MS = 250
/** More than this between two looks is a process that stood still, which says nothing about any lane. */
const MOST_WATCH_MS = 4 * WATCH_MS
/** A lane that seems to be back and is not is probed every so many milliseconds in the end. */
const MOST_PROBE_MS = 10_000

/**
 * Spreads jobs over lanes of different speed, each of which may fail, stall or come back at any time.
 *
 * Every lane pulls the next job when it has room, so that a fast one simply takes more. A job that a lane could not
 * do goes back to the front of the queue for another one. When the queue is empty, an idle lane takes over a job
 * that a slower lane would finish later: the first answer counts.
 */
export class PullQueue<Job, Result> {
  readonly #options: PullQueueOptions<Job>
  readonly #lanes: LaneState<Job, Result>[]
  readonly #waiting: Entry<Job, Result>[] = []
  readonly #closing = new AbortController()
  readonly #clock: Clock
  readonly #stopWatching: () => void
  /** All that are submitted and not settled. */
  readonly #open = new Set<Entry<Job, Result>>()
  #lastReason = ''
  #lastTick: number
  /** Milliseconds in which there were jobs and none was done. */
  #idleMs = 0
  #stopped: { readonly error: unknown } | undefined

  constructor(lanes: readonly Lane<Job, Result>[], options: PullQueueOptions<Job>) {
    this.#options = options
    this.#lanes = lanes.map((lane) => new LaneState(lane))
    this.#clock = options.clock ?? MACHINE_CLOCK
    this.#lastTick = this.#clock.now()
    this.#stopWatching = this.#clock.every(WATCH_MS, () => this.#tick())
  }

  /** Jobs worth having submitted at once: what fills every lane, and one each to go on with. */
  get depth(): number {
    return this.#lanes.reduce((sum, { lane }) => sum + lane.capacity + 1, 0)
  }

  /** Health of every lane and the jobs there. */
  state(): { healthy: boolean; running: number }[] {
    return this.#lanes.map(({ healthy, onTrial, running }) => ({
      healthy: healthy && !onTrial,
      running: running.size,
    }))
  }

  /** Does a job on whichever lane is first to have room. */
  submit(job: Job, signal?: AbortSignal): Promise<Result> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (this.#stopped !== undefined) return Promise.reject(this.#stopped.error)
    const abort = () => this.#reject(entry, signal?.reason)
    const entry: Entry<Job, Result> = {
      job,
      cost: this.#options.cost(job),
      answer: Promise.withResolvers<Result>(),
      attempts: new Set(),
      refusedBy: new Set(),
      stalls: 0,
      release: () => signal?.removeEventListener('abort', abort),
    }
    signal?.addEventListener('abort', abort, { once: true })
    this.#open.add(entry)
    this.#waiting.push(entry)
    this.#pump()
    return entry.answer.promise
  }

  /** @returns false for a job that was settled before */
  #settle(entry: Entry<Job, Result>): boolean {
    if (!this.#open.delete(entry)) return false
    entry.release()
    const at = this.#waiting.indexOf(entry)
    if (at >= 0) this.#waiting.splice(at, 1)
    for (const attempt of entry.attempts) attempt.controller.abort()
    return true
  }

  #reject(entry: Entry<Job, Result>, error: unknown): void {
    if (this.#settle(entry)) entry.answer.reject(error)
  }

  #rejectAll(error: unknown): void {
    for (const entry of [...this.#open]) this.#reject(entry, error)
  }

  /** Gives waiting jobs to lanes with room, then lets idle lanes take over slow jobs. */
  #pump(): void {
    for (;;) {
      const next = this.#nextPair()
      if (next === undefined) break
      this.#waiting.splice(this.#waiting.indexOf(next.entry), 1)
      this.#start(next.entry, next.lane)
    }
    if (this.#waiting.length === 0) this.#takeOver()
  }

  /**
   * The first waiting job that some lane should take now. While jobs are plentiful any lane with room takes one.
   * Towards the end a lane leaves a job to a faster one that would be done with it earlier even after its own.
   */
  #nextPair(): { entry: Entry<Job, Result>; lane: LaneState<Job, Result> } | undefined {
    // Nearly every call finds all lanes full: with hundreds of them looking closer would take longer than the jobs.
    if (!this.#lanes.some(({ hasRoom }) => hasRoom)) return undefined
    const now = this.#clock.now()
    const plentiful = this.#waiting.length > this.#lanes.length
    for (const entry of this.#waiting) {
      const usable = this.#lanes.filter((state) => state.healthy && !entry.refusedBy.has(state))
      const free = soonest(
        usable.filter(({ hasRoom }) => hasRoom),
        entry,
        now,
      )
      if (free === undefined) continue
      if (plentiful || free === soonest(usable, entry, now)) return { entry, lane: free }
    }
    return undefined
  }

  #takeOver(): void {
    const idle = this.#lanes.filter((state) => {
      return state.hasRoom && state.running.size < state.lane.instances && state.rate !== undefined
    })
    if (idle.length === 0) return
    const now = this.#clock.now()
    // What not even the fastest of them could gain anything with is not looked at again.
    const fastest = Math.max(...idle.map(({ rate = 0 }) => rate))
    const latestFirst = this.#lanes
      .flatMap((state) => state.remaining(now))
      .filter(({ attempt, left }) => {
        return left > (TAKE_OVER_GAIN * attempt.entry.cost) / fastest || attempt.lane.isLate(attempt, now)
      })
      .sort((a, b) => b.left - a.left)
    for (const state of idle) {
      const slow = latestFirst.find((each) => this.#gains(state, each, now))
      if (slow !== undefined) this.#start(slow.attempt.entry, state)
    }
  }

  /** Whether an idle lane would clearly finish first what another one is at. */
  #gains(idle: LaneState<Job, Result>, { attempt, left }: Remaining<Job, Result>, now: number): boolean {
    const { entry, lane } = attempt
    if (lane === idle || !this.#open.has(entry) || entry.attempts.size > 1 || entry.refusedBy.has(idle))
      return false
    return lane.isLate(attempt, now) || left > TAKE_OVER_GAIN * idle.expected(entry.cost, now)
  }

  #start(entry: Entry<Job, Result>, lane: LaneState<Job, Result>): void {
    let ahead = 0
    for (const other of lane.running) ahead += other.entry.cost
    const attempt = { entry, lane, ahead, started: this.#clock.now(), controller: new AbortController() }
    entry.attempts.add(attempt)
    lane.running.add(attempt)
    const progress = () => {
      if (lane.running.has(attempt)) this.#progressed(lane)
    }
    lane.lane.run(entry.job, attempt.controller.signal, progress).then(
      (result) => this.#succeeded(attempt, result),
      (error) => this.#failed(attempt, error),
    )
  }

  #leave(attempt: Attempt<Job, Result>): void {
    attempt.entry.attempts.delete(attempt)
    attempt.lane.running.delete(attempt)
  }

  #progressed(lane: LaneState<Job, Result>): void {
    this.#idleMs = 0
    lane.silentMs = 0
    if (!lane.onTrial) return
    lane.onTrial = false
    lane.relapses = 0
    this.#options.onLane?.(lane.lane.name, 'back', '')
  }

  #succeeded(attempt: Attempt<Job, Result>, result: Result): void {
    const { entry, lane } = attempt
    const now = this.#clock.now()
    // Withdrawn in the meantime: the answer is late, or not to be trusted.
    if (!lane.running.has(attempt)) return
    this.#leave(attempt)
    this.#progressed(lane)
    lane.learn(attempt, now)
    for (const other of entry.attempts) {
      if (other.lane.isLate(other, now)) this.#lose(other.lane, 'has stopped answering')
    }
    if (this.#settle(entry)) entry.answer.resolve(result)
    this.#pump()
  }

  #failed(attempt: Attempt<Job, Result>, error: unknown): void {
    const { entry, lane } = attempt
    if (!lane.running.has(attempt)) return
    this.#leave(attempt)
    if (this.#open.has(entry) && !this.#closing.signal.aborted) {
      const verdict = lane.lane.judge(error)
      if (verdict === 'stop') {
        this.stop(error)
        return
      }
      if (verdict === 'job') entry.refusedBy.add(lane)
      else this.#lose(lane, messageOf(error))
      if (verdict === 'distrust') this.#withdraw(lane, [...lane.running])
      if (entry.attempts.size === 0) this.#retry(entry, error)
    }
    this.#pump()
  }

  #retry(entry: Entry<Job, Result>, error: unknown): void {
    const left = this.#lanes.some((state) => !entry.refusedBy.has(state))
    // Two lanes with the same answer are enough; what is wrong is the job.
    if (entry.refusedBy.size >= 2 || !left) this.#reject(entry, error)
    else this.#waiting.unshift(entry)
  }

  #lose(lane: LaneState<Job, Result>, reason: string): void {
    this.#lastReason = `${lane.lane.name}: ${reason}`
    if (!lane.healthy) return
    lane.healthy = false
    // Its loss has been reported, its return has not.
    if (lane.onTrial) lane.relapses++
    else this.#options.onLane?.(lane.lane.name, 'lost', reason)
    lane.onTrial = false
    void this.#restore(lane)
  }

  async #restore(lane: LaneState<Job, Result>): Promise<void> {
    const { signal } = this.#closing
    const pause = Math.min(MOST_PROBE_MS, (this.#options.probeMs ?? 500) * 2 ** lane.relapses)
    while (!signal.aborted) {
      await sleep(pause, signal, this.#clock)
      if (signal.aborted) return
      if (await this.#probed(lane)) break
    }
    if (signal.aborted) return
    lane.healthy = true
    lane.onTrial = true
    lane.silentMs = 0
    this.#pump()
  }

  async #probed(lane: LaneState<Job, Result>): Promise<boolean> {
    try {
      return await lane.lane.probe(this.#closing.signal)
    } catch (error) {
      if (!this.#closing.signal.aborted && lane.lane.judge(error) === 'stop') this.stop(error)
      return false
    }
  }

  /** Has jobs of a lane done again; what it still answers to them is not looked at. */
  #withdraw(lane: LaneState<Job, Result>, attempts: readonly Attempt<Job, Result>[]): void {
    for (const attempt of attempts) {
      const { entry, controller } = attempt
      if (!lane.running.has(attempt)) continue
      this.#leave(attempt)
      controller.abort()
      if (this.#open.has(entry) && entry.attempts.size === 0) this.#waiting.unshift(entry)
    }
  }

  #tick(): void {
    const now = this.#clock.now()
    const passed = Math.min(MOST_WATCH_MS, now - this.#lastTick)
    this.#lastTick = now
    if (this.#open.size > 0) this.#idleMs += passed
    if (this.#idleMs >= this.#options.patienceMs) {
      this.#idleMs = 0
      this.#rejectAll(this.#options.gaveUp(this.#lastReason))
      return
    }
    for (const lane of this.#lanes) this.#withdrawStalled(lane, now)
    for (const lane of this.#lanes) this.#withdrawSilent(lane, passed)
    this.#pump()
  }

  /** Withdraws jobs that a server seems to have forgotten. */
  #withdrawStalled(lane: LaneState<Job, Result>, now: number): void {
    const stalled = [...lane.running].filter((attempt) => lane.isStalled(attempt, now))
    if (stalled.length === 0) return
    for (const { entry } of stalled) entry.stalls++
    this.#lose(lane, 'has not answered for a long time')
    this.#withdraw(lane, stalled)
  }

  /**
   * Counts a lane that does nothing as unhealthy, though nothing is known of how long its jobs should take: while another
   * one has room early enough for that one to do them before the patience ends.
   */
  #withdrawSilent(lane: LaneState<Job, Result>, passed: number): void {
    const { patienceMs } = this.#options
    lane.silentMs = lane.running.size === 0 ? 0 : lane.silentMs + passed
    const helped = this.#lanes.some((other) => other !== lane && other.hasRoom && other.silentMs === 0)
    if (lane.silentMs < (helped ? patienceMs / 2 : patienceMs)) return
    this.#lose(lane, 'has not finished anything for a long time')
    this.#withdraw(lane, [...lane.running])
  }

  /** All jobs fail with this error, those to come as well. */
  stop(error: unknown): void {
    this.#stopped ??= { error }
    this.#rejectAll(error)
  }

  /** Stops watching and probing; jobs under way are aborted. */
  close(): void {
    this.#stopWatching()
    this.#closing.abort()
    for (const { running } of this.#lanes) for (const { controller } of running) controller.abort()
  }
}

/** The lane that would be done with a job first; of several that nothing is known of the emptiest. */
function soonest<Job, Result>(
  lanes: readonly LaneState<Job, Result>[],
  { cost }: Entry<Job, Result>,
  now: number,
): LaneState<Job, Result> | undefined {
  let found: LaneState<Job, Result> | undefined
  let least = Number.POSITIVE_INFINITY
  for (const state of lanes) {
    const expected = state.expected(cost, now)
    const tie = expected === least && found !== undefined && state.share < found.share
    if (found !== undefined && expected >= least && !tie) continue
    found = state
    least = expected
  }
  return found
}

function sleep(ms: number, signal: AbortSignal, clock: Clock): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const cancel = clock.after(ms, resolve)
  const stop = () => {
    cancel()
    resolve()
  }
  signal.addEventListener('abort', stop, { once: true })
  return promise.then(() => signal.removeEventListener('abort', stop))
}
