import { messageOf } from './problems.ts'

/** What a program that ran to its end has said. */
export interface ProgramAnswer {
  /** Exit code; 128 and the number of the signal for one that was killed. */
  code: number
  stdout: string
  stderr: string
}

/** Why there is no answer, in words that follow the program's name. */
export interface NoAnswer {
  problem: string
  /** It took too long. */
  isLate?: true
}

interface AskOptions {
  /** How long the program may take. */
  deadlineMs: number
  signal?: AbortSignal | undefined
  /** What differs from the environment of this process. */
  env?: Readonly<Record<string, string | undefined>>
}

/**
 * Runs a program that only answers a question. One that takes too long is killed, and not waited for either: a driver in
 * trouble holds its programs in a state in which nothing ends them.
 *
 * @throws the reason of `signal`
 */
export async function askProgram(
  argv: readonly [string, ...string[]],
  { deadlineMs, signal, env }: AskOptions,
): Promise<ProgramAnswer | NoAnswer> {
  signal?.throwIfAborted()
  let child: Bun.Subprocess<'ignore', 'pipe', 'pipe'>
  try {
    child = Bun.spawn([...argv], {
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
      ...(env && { env: { ...process.env, ...env } }),
    })
  } catch (error) {
    return { problem: `cannot be started: ${messageOf(error)}` }
  }
  const timeout = Promise.withResolvers<NoAnswer>()
  const late = { problem: `gives no answer within ${deadlineMs / 1000} s`, isLate: true } as const
  const timer = setTimeout(() => timeout.resolve(late), deadlineMs)
  const stop = () => timeout.reject(signal?.reason)
  signal?.addEventListener('abort', stop, { once: true })
  const [stdout, stderr] = [child.stdout.getReader(), child.stderr.getReader()]
  const answer = Promise.all([child.exited, textFrom(stdout), textFrom(stderr)])
  try {
    return await Promise.race([
      answer.then(([code, out, err]) => ({ code, stdout: out, stderr: err })),
      timeout.promise,
    ])
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
    if (child.exitCode === null) child.kill('SIGKILL')
    child.unref()
    // A process of its own may hold the other ends, and this process would not end before them.
    for (const reader of [stdout, stderr]) reader.cancel().catch(() => {})
  }
}

async function textFrom(reader: {
  read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>
}): Promise<string> {
  const chunks: Uint8Array[] = []
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return Buffer.concat(chunks).toString()
    if (value !== undefined) chunks.push(value)
  }
}
