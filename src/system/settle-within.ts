/** A batch under way when the run is stopped may still end within this time; longer ones are given up. */
const GRACE_MS = 2000

/** The promise's result; after an abort only for a moment, then the reason of the abort is thrown. */
export async function settleWithin<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise
  let timer: ReturnType<typeof setTimeout> | undefined
  let onAbort = () => {}
  const given = new Promise<never>((_, reject) => {
    onAbort = () => {
      timer = setTimeout(() => reject(signal.reason), GRACE_MS)
    }
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([promise, given])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}
