import { textAt } from './processes.ts'

/** What asks a program to stop: Ctrl-C, batch systems and container hosts, a terminal that is closed. */
export const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
export type StopSignal = (typeof STOP_SIGNALS)[number]

const NUMBERS: Readonly<Record<StopSignal, number>> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }

let listener: ((name: StopSignal) => void) | undefined
let suspended = 0
const installed = new Map<StopSignal, () => void>()

/**
 * Calls `stop` for every such signal until disposed of. One that was ignored when the program was started, as `nohup` does
 * with SIGHUP, stays ignored.
 */
export function onStopSignal(stop: (name: StopSignal) => void): Disposable {
  listener = stop
  if (suspended === 0) install()
  return {
    [Symbol.dispose]() {
      uninstall()
      listener = undefined
    },
  }
}

/**
 * Runs work that keeps the JavaScript thread busy for long, so that no listener would ever be called: meanwhile the signals
 * end the process at once, as if nobody listened. Files are whole at any time, and the state of a run is too.
 */
export async function stoppedAtOnce<Result>(work: () => Promise<Result>): Promise<Result> {
  suspended++
  uninstall()
  try {
    return await work()
  } finally {
    suspended--
    if (suspended === 0 && listener !== undefined) install()
  }
}

function install(): void {
  const ignored = ignoredSignals()
  for (const name of STOP_SIGNALS) {
    if (name === 'SIGHUP' && (ignored >> BigInt(NUMBERS[name] - 1)) & 1n) continue
    const handler = () => listener?.(name)
    installed.set(name, handler)
    process.on(name, handler)
  }
}

function uninstall(): void {
  for (const [name, handler] of installed) process.off(name, handler)
  installed.clear()
}

/** A bit for each signal that this process ignores. Source: Linux, proc_pid_status(5), SigIgn. */
function ignoredSignals(): bigint {
  const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(textAt('/proc/self/status') ?? '')?.[1]
  return BigInt(`0x${mask ?? '0'}`)
}
