import { join } from 'node:path'
import { faultTools } from './tools.ts'

/** What the kernel does with some calls, in place of what they ask for. */
export interface CallFault {
  /** Names of system calls, with commas between; those with a question mark need not exist. */
  readonly calls: string
  /** An error, such as `EIO`, or a delay in milliseconds. */
  readonly fault: string | number
  /** Which of the calls of a thread: `3` the third, `3+` from the third on, `3+20` each twentieth after it. */
  readonly when?: string
  /** Calls that name this file, or use it, alone. */
  readonly path?: string
}

/** Words before a command that let its system calls fail, or last. */
export function withFailingCalls({ calls, fault, when = '1+', path }: CallFault): readonly string[] {
  const effect = typeof fault === 'string' ? `error=${fault}` : `delay_enter=${fault}ms`
  return [
    ...[join(faultTools, 'strace'), '-f', '--seccomp-bpf', '-qq', '-o', '/dev/null', '-E', 'LD_LIBRARY_PATH'],
    ...(path === undefined ? [] : ['-P', path]),
    ...['-e', `trace=${calls}`, '-e', `inject=${calls}:${effect}:when=${when}`, '--'],
  ]
}
