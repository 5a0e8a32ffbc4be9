import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** The text of a small file, such as the kernel's under `/proc`; undefined where there is none that may be read. */
export function textAt(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/**
 * When a process started, in clock ticks since boot: a process id is used again, both together are not. `gone` for a
 * process that has ended and that nobody has waited for; undefined where there is no such process, or no /proc.
 *
 * Field 22 of /proc/PID/stat; the name before it may hold spaces and brackets. Source: proc(5).
 */
export function processStart(pid: number): string | undefined {
  return statFields(pid)?.start
}

/**
 * Whether a process that was seen to start at `started` has ended. Only what is certain counts: where `/proc` cannot be read, or
 * hides the processes of other users (`hidepid`), one that answers is taken for the same.
 */
export function hasEnded(pid: number, started: string | undefined): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it runs, under another user.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return true
  }
  const now = processStart(pid)
  return now !== undefined && !!started && now !== started
}

/** The group a process belongs to; undefined where that cannot be seen. */
export function processGroupOf(pid: number): number | undefined {
  return statFields(pid)?.group
}

function statFields(pid: number): { start: string | undefined; group: number } | undefined {
  const text = textAt(`/proc/${pid}/stat`)
  if (text === undefined) return undefined
  const [state, ...fields] = text.slice(text.lastIndexOf(')') + 2).split(' ')
  // A zombie holds its number but does nothing any more.
  return { start: state === 'Z' ? 'gone' : fields[18], group: Number(fields[1]) }
}

/**
 * Where a process id means something: boot id and namespace, so that neither a container that shares the host's name
 * nor a restart of the machine is taken for the same place. Without /proc the host's name has to do.
 */
export function processPlace(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return hostname()
  }
}

/**
 * Most resident memory that this process has had, in bytes. Read from `/proc` where there is one: `getrusage` also counts what
 * the program had that started this one (getrusage(2), exec keeps the maximum).
 */
export function peakMemory(): number {
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(textAt('/proc/self/status') ?? '') ?? []
  const peak = kibibytes === undefined ? process.resourceUsage().maxRSS : Number(kibibytes)
  return Math.max(peak * 1024, residentMemory())
}

/** Resident memory of this process, in bytes; 0 where it cannot be seen, as with too many files open. */
export function residentMemory(): number {
  try {
    return process.memoryUsage.rss()
  } catch {
    return 0
  }
}
