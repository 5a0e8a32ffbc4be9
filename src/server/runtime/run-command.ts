import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { messageOf } from '../../system/problems.ts'

export interface CommandResult {
  /** -1 when it could not be started, or did not end in time. */
  readonly code: number
  /** Standard output. */
  readonly out: string
  /** First line of standard error. */
  readonly problem: string
  /** Last lines of both. */
  readonly last: readonly string[]
}

/** Queries are answered at once; a daemon that hangs counts as missing. */
const PATIENCE_MS = 20_000
const KEPT = 20

/**
 * Runs a program to its end. With `onLine` it may take as long as it likes.
 *
 * @throws the reason of `signal`
 */
export async function runCommand(
  command: readonly string[],
  options: { onLine?: (line: string) => void; signal?: AbortSignal } = {},
): Promise<CommandResult> {
  const { onLine, signal } = options
  const last: string[] = []
  const gather = async (stream: ReadableStream<Uint8Array>) => {
    const lines: string[] = []
    for await (const line of createInterface({ input: Readable.fromWeb(stream) })) {
      lines.push(line)
      if (line.trim() === '') continue
      last.push(line)
      if (last.length > KEPT) last.shift()
      onLine?.(line)
    }
    return lines
  }
  signal?.throwIfAborted()
  try {
    const child = Bun.spawn([...command], {
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
      ...(onLine === undefined && { timeout: PATIENCE_MS }),
      ...(signal && { signal }),
    })
    const [out, err] = await Promise.all([gather(child.stdout), gather(child.stderr)])
    await child.exited
    signal?.throwIfAborted()
    return { code: child.exitCode ?? -1, out: out.join('\n'), problem: err[0] ?? '', last }
  } catch (error) {
    signal?.throwIfAborted()
    return { code: -1, out: '', problem: messageOf(error), last: [messageOf(error)] }
  }
}
