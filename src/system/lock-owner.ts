import { hostname } from 'node:os'
import * as v from 'valibot'
import { hasEnded, processPlace, processStart } from './processes.ts'
import { sealed, unsealed } from './sealed.ts'

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
    started: processStart(process.pid) ?? '',
    place: processPlace(),
    since: new Date().toISOString(),
  }
}

export function formatOwner(owner: LockOwner): string {
  return sealed(owner)
}

/** The owner written in a lock file; undefined while it is being written, or damaged. */
export function parseOwner(text: string): LockOwner | undefined {
  const content = unsealed(text)
  if (content === undefined) return undefined
  // Locks of version 0.1.0 have no checksum.
  const schema = content.isSealed ? OwnerSchema : v.strictObject(OwnerSchema.entries)
  const result = v.safeParse(schema, content.value)
  return result.success ? result.output : undefined
}

/** Whether the owner still runs; undefined where that cannot be seen from here. */
export function isAlive(owner: LockOwner): boolean | undefined {
  return owner.place === processPlace() ? !hasEnded(owner.pid, owner.started) : undefined
}

/** For messages. */
export function describeOwner(owner: LockOwner | undefined): string {
  return owner === undefined
    ? 'an unknown process'
    : `process ${owner.pid} on ${owner.host}, running since ${owner.since}`
}
