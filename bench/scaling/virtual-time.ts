import type { Clock } from '../../src/dispatch/index.ts'

interface Event {
  readonly at: number
  readonly order: number
  readonly call: () => void
  cancelled: boolean
}

/**
 * Time that passes only when nothing is left to do: between two events every promise settles, then the clock jumps to the
 * next event. So code written for real time runs as it is, in a fraction of it and always the same way.
 */
export class VirtualTime implements Clock {
  #now = 0
  #order = 0
  /** Binary heap, the earliest first; of equal times the one that was asked for first. */
  readonly #events: Event[] = []

  now(): number {
    return this.#now
  }

  after(ms: number, call: () => void): () => void {
    const event = { at: this.#now + Math.max(0, ms), order: this.#order++, call, cancelled: false }
    push(this.#events, event)
    return () => {
      event.cancelled = true
    }
  }

  every(ms: number, call: () => void): () => void {
    let cancel = () => {}
    const next = () => {
      cancel = this.after(ms, () => {
        next()
        call()
      })
    }
    next()
    return () => cancel()
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve))
  }

  /**
   * Lets time pass until `work` is done.
   *
   * @throws when it can never be: nothing is left to happen
   */
  async run<T>(work: Promise<T>): Promise<T> {
    let settled = false
    const end = () => {
      settled = true
    }
    work.then(end, end)
    for (;;) {
      // Every promise that can go on has done so when this returns.
      await new Promise((resolve) => setImmediate(resolve))
      if (settled) return await work
      let event = pop(this.#events)
      while (event?.cancelled) event = pop(this.#events)
      if (event === undefined) throw new Error('the simulated work waits for something that never happens')
      this.#now = event.at
      event.call()
    }
  }
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

function push(heap: Event[], event: Event): void {
  let at = heap.push(event) - 1
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (!before(event, heap[parent]!)) break
    heap[at] = heap[parent]!
    at = parent
  }
  heap[at] = event
}

function pop(heap: Event[]): Event | undefined {
  const first = heap[0]
  const last = heap.pop()
  if (first === undefined || last === undefined || heap.length === 0) return first
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
    if (!before(heap[child]!, last)) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = last
  return first
}
