import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { processGroupOf, processStart } from '../../system/processes.ts'

/** The process that a listening socket belongs to. */
export interface Listener {
  readonly pid: number
  readonly start: string
}

/** States of a socket in /proc/net/tcp. Source: proc(5), include/net/tcp_states.h. */
const LISTEN = '0A'
const ESTABLISHED = '01'

/**
 * The process of a group that listens at a port of this machine; undefined when none does, or when anybody else listens
 * there too, at whatever address.
 *
 * This is the proof of who answers: a socket has an inode, the kernel says which, and only processes of the same user can
 * be seen to hold it. What a server says of itself proves nothing, since everybody may say the same.
 */
export function listenerOf(group: number, port: number): Listener | undefined {
  const inodes = listeningAt(port)
  if (inodes.size === 0) return undefined
  const held = new Set<string>()
  let found: Listener | undefined
  for (const pid of membersOf(group)) {
    const its = socketsOf(pid).filter((inode) => inodes.has(inode))
    if (its.length === 0) continue
    for (const inode of its) held.add(inode)
    const start = processStart(pid)
    // Processes that the server has started may have inherited the socket: the first of them all is the server.
    if (start !== undefined && (found === undefined || Number(start) < Number(found.start)))
      found = { pid, start }
  }
  return held.size === inodes.size ? found : undefined
}

/** Whether the process still runs. Cheap enough for every request. */
export function isRunning({ pid, start }: Listener): boolean {
  return processStart(pid) === start
}

function listeningAt(port: number): Set<string> {
  return new Set(socketsAt(port, LISTEN))
}

/** How many are connected to a port of this machine; 0 where the system does not show it. */
export function connectionsAt(port: number): number {
  return socketsAt(port, ESTABLISHED).length
}

/** Inodes of the sockets at a port that are in a state. */
function socketsAt(port: number, wanted: string): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const rows = [tableOf('tcp'), tableOf('tcp6')].flatMap((text) => text.split('\n').slice(1))
  return rows.flatMap((row) => {
    // Number, local and remote address, state, queues, timer, retransmits, user, timeout, inode.
    const [, local = '', , state, , , , , , inode] = row.trim().split(/\s+/)
    return state === wanted && local.endsWith(suffix) && inode !== undefined ? [inode] : []
  })
}

function tableOf(protocol: string): string {
  try {
    return readFileSync(`/proc/net/${protocol}`, 'latin1')
  } catch {
    return ''
  }
}

/** Processes of a group; none where the system does not show them. */
export function membersOf(group: number): number[] {
  return namesIn('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => processGroupOf(pid) === group)
}

function socketsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`
  return namesIn(folder).flatMap((name) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`${folder}/${name}`))?.[1] ?? []
    } catch {
      return []
    }
  })
}

/** What a folder holds; nothing where it is not there or may not be read. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
