import { setMaxListeners } from 'node:events'
import { invalidArgument } from './errors.ts'
import type { RetryOptions } from './options.ts'

/** A complete `RetryOptions`. */
export type RetryPolicy = Required<RetryOptions>

const ONCE: RetryPolicy = { attempts: 1, initialDelayMs: 0, maxDelayMs: 0 }

export function retryPolicy(options: RetryOptions | false | undefined): RetryPolicy {
  if (options === false) return ONCE
  const policy = { attempts: 3, initialDelayMs: 100, maxDelayMs: 2_000, ...options }
  if (!Number.isInteger(policy.attempts) || policy.attempts < 1)
    throw invalidArgument(`retry.attempts must be a whole number, 1 or more, not ${policy.attempts}`)
  return policy
}

/**
 * Pause before the next attempt, `failed` attempts having failed. Random between half and the whole of the delay:
 * many clients that lost the same server do not come back in step.
 */
export function retryDelay(policy: RetryPolicy, failed: number, random = Math.random()): number {
  const delay = Math.min(policy.maxDelayMs, policy.initialDelayMs * 2 ** (failed - 1))
  return delay * (0.5 + random / 2)
}

/** Resolves after the time or, early, when one of the signals aborts. */
export function pause(ms: number, ...signals: readonly (AbortSignal | undefined)[]): Promise<void> {
  return new Promise((resolve) => {
    if (signals.some((signal) => signal?.aborted)) return resolve()
    const done = () => {
      clearTimeout(timer)
      release()
      resolve()
    }
    const timer = setTimeout(done, ms)
    const release = onAbort(signals, done)
  })
}

/** Runs `stop` when one of the signals aborts; returns what ends that. */
export function onAbort(signals: readonly (AbortSignal | undefined)[], stop: () => void): () => void {
  const watched = signals.filter((signal) => signal !== undefined)
  for (const signal of watched) {
    // Many calls may share a signal; above ten listeners Node would warn of a leak.
    setMaxListeners(0, signal)
    signal.addEventListener('abort', stop, { once: true })
  }
  return () => {
    for (const signal of watched) signal.removeEventListener('abort', stop)
  }
}
