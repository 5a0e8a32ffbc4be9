/** What waits for each signal; the set goes when nothing does. */
const waiting = new WeakMap<AbortSignal, { readonly stops: Set<() => void>; readonly listener: () => void }>()

/**
 * Runs `stop` when one of the signals aborts; returns what takes that back.
 *
 * However many calls share a signal, it gets one listener: Node warns of a leak above ten.
 */
export function onAbort(signals: readonly (AbortSignal | undefined)[], stop: () => void): () => void {
  // Calls may share a function, and each has to be able to take back its own.
  const own = () => stop()
  for (const signal of signals) if (signal !== undefined) add(signal, own)
  return () => {
    for (const signal of signals) if (signal !== undefined) remove(signal, own)
  }
}

function add(signal: AbortSignal, stop: () => void): void {
  let entry = waiting.get(signal)
  if (entry === undefined) {
    const stops = new Set<() => void>()
    const listener = () => {
      waiting.delete(signal)
      for (const each of stops) each()
    }
    entry = { stops, listener }
    waiting.set(signal, entry)
    signal.addEventListener('abort', listener, { once: true })
  }
  entry.stops.add(stop)
}

function remove(signal: AbortSignal, stop: () => void): void {
  const entry = waiting.get(signal)
  if (entry === undefined) return
  entry.stops.delete(stop)
  if (entry.stops.size > 0) return
  waiting.delete(signal)
  signal.removeEventListener('abort', entry.listener)
}
