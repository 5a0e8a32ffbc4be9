import { askProgram, type NoAnswer } from '../system/ask-program.ts'

/** A driver without persistence wakes up every GPU first, which takes seconds for each. */
const LONGEST_ANSWER_MS = 30_000

/** What `nvidia-smi` printed, or why there is nothing. */
export type SmiAnswer = { text: string } | (NoAnswer & { code?: number })

/**
 * Asks the driver's own program.
 *
 * @returns undefined where there is none
 * @throws the reason of `signal`
 */
export async function askNvidiaSmi(
  args: readonly string[],
  options: { deadlineMs?: number; signal?: AbortSignal | undefined } = {},
): Promise<SmiAnswer | undefined> {
  // Without it, Bun looks in the PATH that this process was started with.
  const program = Bun.which('nvidia-smi', { PATH: process.env.PATH ?? '' })
  if (program === null) return undefined
  const answer = await askProgram([program, ...args], { deadlineMs: LONGEST_ANSWER_MS, ...options })
  if ('problem' in answer) return answer
  const { code, stdout, stderr } = answer
  if (code === 0) return { text: stdout }
  // Its errors are on standard output.
  const [words = ''] = `${stdout.trim()}\n${stderr.trim()}`.trim().split('\n')
  return { code, problem: words === '' ? `ends with exit code ${code}` : `says: ${words}` }
}

/** The fields of each GPU that can be asked for by `--query-gpu`, in its order; `[N/A]` is undefined. */
export function rowsOf<const Field extends string>(
  text: string,
  fields: readonly Field[],
): Record<Field, string | undefined>[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return lines.map((line) => {
    const values = line.split(',').map((value) => value.trim())
    const entries = fields.map((field, i) => [
      field,
      /^\[.*\]$/.test(values[i] ?? '[]') ? undefined : values[i],
    ])
    return Object.fromEntries(entries)
  })
}
