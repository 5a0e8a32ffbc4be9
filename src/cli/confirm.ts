import { createInterface } from 'node:readline/promises'
import { UsageError } from '../system/errors.ts'

/**
 * Asks whether to go on, on standard error: standard output is for results.
 *
 * @returns whether the answer is yes
 * @throws UsageError where nobody can answer; the reason of the signal
 */
export async function confirm(question: string, signal: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw new UsageError('there is no terminal to ask on', { detail: { code: 'cannot-ask', data: {} } })
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^\s*y(es)?\s*$/i.test(await lines.question(`${question} [y/N] `, { signal }))
  } finally {
    lines.close()
  }
}
