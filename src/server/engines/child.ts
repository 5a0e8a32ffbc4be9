import { messageOf } from '../../system/problems.ts'
import { EngineBuildError } from './errors.ts'

export interface ChildOptions {
  /** For messages. */
  readonly model: string
  readonly input?: string
  readonly onLine: (line: string) => void
  readonly signal?: AbortSignal | undefined
}

/** Lines kept for the message of a failure. */
const KEPT = 12

/**
 * Runs a builder to its end, its lines given as they come. Those of standard error are only kept for messages.
 *
 * @returns its exit code and last lines
 * @throws {EngineBuildError} when it cannot be started
 */
export async function runChild(
  command: readonly string[],
  options: ChildOptions,
): Promise<{ code: number; last: string[] }> {
  const last: string[] = []
  const keep = (line: string) => {
    if (line.trim() === '') return
    last.push(line)
    if (last.length > KEPT) last.shift()
  }
  const child = start(command, options)
  const [, , code] = await Promise.all([
    eachLine(child.stdout, options.onLine),
    eachLine(child.stderr, keep),
    child.exited,
  ])
  options.signal?.throwIfAborted()
  return { code, last }
}

function start(command: readonly string[], { model, input, signal }: ChildOptions) {
  try {
    return Bun.spawn([...command], {
      stdin: input === undefined ? 'ignore' : new TextEncoder().encode(input),
      stdout: 'pipe',
      stderr: 'pipe',
      ...(signal && { signal }),
    })
  } catch (cause) {
    const reason = messageOf(cause)
    throw new EngineBuildError(model, `cannot start ${command[0]}: ${reason}`, [], { cause })
  }
}

async function eachLine(stream: ReadableStream<Uint8Array>, onLine: (line: string) => void): Promise<void> {
  let rest = ''
  const decoder = new TextDecoder()
  for await (const piece of stream) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) onLine(line)
  }
  if (rest !== '') onLine(rest)
}
