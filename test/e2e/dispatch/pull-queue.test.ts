import { describe, expect, test } from 'bun:test'
import { type Lane, PullQueue, type PullQueueOptions } from '../../../src/dispatch/index.ts'

interface Job {
  id: number
  cost: number
}

/** A lane that takes `msPerCost` for each unit, one job at a time; `fault` may throw or wait for ever. */
function lane(
  name: string,
  msPerCost: number,
  fault: (job: Job, signal: AbortSignal) => Promise<void> | void = () => {},
) {
  let last: Promise<unknown> = Promise.resolve()
  const done: number[] = []
  const state = { healthy: true, done, finished: 0 }
  const made: Lane<Job, string> = {
    name,
    capacity: 2,
    instances: 1,
    run(job, signal) {
      const result = last.then(async () => {
        if (signal.aborted) throw new Error('aborted')
        await fault(job, signal)
        await Bun.sleep(job.cost * msPerCost)
        done.push(job.id)
        state.finished = performance.now()
        return `${job.id} by ${name}`
      })
      last = result.catch(() => {})
      return result
    },
    probe: async () => state.healthy,
    judge: (error) => (String(error).includes('bad job') ? 'job' : 'lane'),
  }
  return Object.assign(state, { lane: made })
}

const options: PullQueueOptions<Job> = {
  cost: ({ cost }) => cost,
  patienceMs: 400,
  probeMs: 20,
  gaveUp: (reason) => new Error(`no lane left: ${reason}`),
}

const jobs = (n: number, cost = 1): Job[] => Array.from({ length: n }, (_, id) => ({ id, cost }))

async function runAll(queue: PullQueue<Job, string>, list: Job[]) {
  const results = await Promise.allSettled(list.map((job) => queue.submit(job)))
  queue.close()
  return results.map((result) => (result.status === 'fulfilled' ? result.value : String(result.reason)))
}

describe('jobs over lanes', () => {
  test('every job is answered once, in the order of submission', async () => {
    const [a, b] = [lane('a', 1), lane('b', 1)]
    const results = await runAll(new PullQueue([a.lane, b.lane], options), jobs(40))
    expect(results.map((result) => Number.parseInt(result, 10))).toEqual(jobs(40).map(({ id }) => id))
  })

  test('a lane three times as fast does about three times as much, and both end together', async () => {
    const [fast, slow] = [lane('fast', 10), lane('slow', 30)]
    await runAll(new PullQueue([fast.lane, slow.lane], options), jobs(60))
    expect(fast.done.length / slow.done.length).toBeGreaterThan(2)
    // Within one job of the slow lane; the answer of a job taken over may still be on its way.
    expect(Math.abs(fast.finished - slow.finished)).toBeLessThan(75)
  })

  test('jobs of a lane that fails are done elsewhere, and it gets none until it answers again', async () => {
    const good = lane('good', 4)
    const bad = lane('bad', 4, () => {
      if (!bad.healthy) throw new Error('connection lost')
    })
    bad.healthy = false
    const changes: string[] = []
    const queue = new PullQueue([good.lane, bad.lane], {
      ...options,
      onLane: (name, state) => changes.push(`${name} ${state}`),
    })
    setTimeout(() => {
      bad.healthy = true
    }, 100)
    const results = await runAll(queue, jobs(80))
    expect(results.filter((result) => / by /.test(result)).length).toBe(80)
    expect(changes.slice(0, 2)).toEqual(['bad lost', 'bad back'])
    expect(bad.done.length).toBeGreaterThan(0)
  })

  test('a lane that stops answering does not hold up the run', async () => {
    const good = lane('good', 5)
    const stuck = lane('stuck', 5, (job, signal) =>
      job.id < 10
        ? undefined
        : new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(new Error('late')))),
    )
    const results = await runAll(new PullQueue([good.lane, stuck.lane], options), jobs(40))
    expect(results.filter((result) => / by /.test(result)).length).toBe(40)
  })

  test('a lane that has never answered does not hold up the run either', async () => {
    const good = lane('good', 5)
    const mute = lane('mute', 5, (_, signal) => {
      return new Promise<void>((_, reject) =>
        signal.addEventListener('abort', () => reject(new Error('late'))),
      )
    })
    const results = await runAll(new PullQueue([mute.lane, good.lane], options), jobs(10))
    expect(results.filter((result) => / by good/.test(result)).length).toBe(10)
  })

  test('a job that two lanes refuse fails alone', async () => {
    const refuse = (job: Job) => {
      if (job.id === 7) throw new Error('bad job 7')
    }
    const results = await runAll(
      new PullQueue([lane('a', 1, refuse).lane, lane('b', 1, refuse).lane], options),
      jobs(20),
    )
    expect(results[7]).toContain('bad job 7')
    expect(results.filter((result) => / by /.test(result)).length).toBe(19)
  })

  test('with no lane left the jobs fail with the last reason, not before the patience ends', async () => {
    const dead = lane('dead', 1, () => {
      throw new Error('connection refused')
    })
    dead.healthy = false
    const started = performance.now()
    const [result] = await runAll(new PullQueue([dead.lane], options), jobs(1))
    expect(result).toBe('Error: no lane left: dead: connection refused')
    expect(performance.now() - started).toBeGreaterThanOrEqual(400)
  })

  test('an aborted job ends at once', async () => {
    const queue = new PullQueue([lane('a', 1000).lane], options)
    const result = queue.submit({ id: 1, cost: 1 }, AbortSignal.timeout(20))
    expect(result).rejects.toThrow()
    await result.catch(() => {})
    queue.close()
  })
})
