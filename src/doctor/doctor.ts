import { VirnucproError } from '../system/errors.ts'
import { messageOf } from '../system/problems.ts'
import { CHECKS } from './checks.ts'
import { type DoctorOptions, type Examination, examine } from './examination.ts'
import { type Check, type Finding, type Outcome, problem, warning } from './finding.ts'

/** The driver of many GPUs takes half a minute to wake them up; see `askNvidiaSmi`. */
const LONGEST_CHECK_MS = 35_000

/** See `doctor` in index.ts. */
export async function doctor(options: DoctorOptions = {}): Promise<Finding[]> {
  const { timeoutMs = LONGEST_CHECK_MS } = options
  const end = new AbortController()
  const signals = [end.signal, ...(options.signal === undefined ? [] : [options.signal])]
  const examination = examine(options, AbortSignal.any(signals))
  const late = Promise.withResolvers<'late'>()
  const timer = setTimeout(() => late.resolve('late'), timeoutMs)
  const stop = () => late.reject(options.signal?.reason)
  options.signal?.addEventListener('abort', stop, { once: true })
  try {
    options.signal?.throwIfAborted()
    const found = CHECKS.map(
      async (check) => await Promise.race([outcomeOf(check, examination), late.promise]),
    )
    const outcomes = await Promise.all(found)
    return CHECKS.flatMap((check, i) => {
      const outcome = outcomes[i]
      if (outcome === undefined) return []
      const { id, title } = check
      return { id, title, ...(outcome === 'late' ? noAnswer(timeoutMs) : outcome) }
    })
  } finally {
    clearTimeout(timer)
    options.signal?.removeEventListener('abort', stop)
    late.promise.catch(() => {})
    end.abort()
  }
}

async function outcomeOf(check: Check, examination: Examination): Promise<Outcome | undefined> {
  try {
    return await check.examine(examination)
  } catch (error) {
    examination.signal.throwIfAborted()
    if (error instanceof VirnucproError) return problem(error.lines.join(' '), check.remedy)
    return problem(`cannot be examined: ${messageOf(error)}`, check.remedy)
  }
}

function noAnswer(timeoutMs: number): Outcome {
  return warning(
    `no answer within ${timeoutMs / 1000} s`,
    'find out which disk, driver or server of this machine hangs',
  )
}
