import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import * as v from 'valibot'
import { parseJson } from '../system/index.ts'

const OwnerSchema = v.object({
  /** Different for every lock ever taken. */
  token: v.string(),
  pid: v.number(),
  host: v.string(),
  /** Start of the process in clock ticks since boot: a process id is given again, both together are not. */
  started: v.string(),
  /** Where the process id means something: one boot of one machine, one namespace of process ids. */
  place: v.string(),
  /** When the lock was taken, ISO 8601. */
  since: v.string(),
})

/** Who holds a lock. */
export type LockOwner = v.InferOutput<typeof OwnerSchema>

export function thisProcess(): LockOwner {
  return {
    token: crypto.randomUUID(),
    pid: process.pid,
    host: hostname(),
    started: startOf(process.pid) ?? '',
    place: thisPlace(),
    since: new Date().toISOString(),
  }
}

/** The owner written in a lock file; undefined while it is being written, or damaged. */
export function parseOwner(text: string): LockOwner | undefined {
  try {
    return v.parse(OwnerSchema, parseJson(text))
  } catch {
    return undefined
  }
}

/** Whether the owner still runs; undefined where that cannot be seen from here. */
export function isAlive(owner: LockOwner): boolean | undefined {
  if (owner.place !== thisPlace()) return undefined
  try {
    process.kill(owner.pid, 0)
  } catch (error) {
    // EPERM: it runs, under another user.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  const started = startOf(owner.pid)
  return started === undefined || owner.started === '' || started === owner.started
}

/**
 * Boot id and namespace, so that neither a container that shares the host's name nor a restart of the machine is
 * taken for the same place. Without /proc the host's name has to do.
 */
function thisPlace(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return hostname()
  }
}

/** Field 22 of /proc/PID/stat; the name before it may hold spaces and brackets. Source: proc(5). */
function startOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state, ...fields] = text.slice(text.lastIndexOf(')') + 2).split(' ')
    // A zombie holds its number but does nothing any more.
    return state === 'Z' ? 'gone' : fields[18]
  } catch {
    return undefined
  }
}
