import { readdirSync, readFileSync } from 'node:fs'
import { descendants, isAlive } from '../e2e/serve/support.ts'

/** Whatever a soak starts has this in its environment, and what those start as well: nothing gets lost by losing its parent. */
export const MARK = 'SOAK_OF_VIRNUCPRO'

function read(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1')
  } catch {
    return ''
  }
}

export const commandOf = (pid: number): string => read(pid, 'cmdline').replaceAll('\0', ' ').trim()

/** Processes that live and carry the mark. */
export function marked(mark: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => read(pid, 'environ').includes(`${MARK}=${mark}\0`) && isAlive(pid))
}

export function residentKilobytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(read(pid, 'status'))?.[1] ?? 0)
}

export function threads(pid: number): number {
  return Number(/^Threads:\s+(\d+)/m.exec(read(pid, 'status'))?.[1] ?? 0)
}

export function descriptors(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length
  } catch {
    return 0
  }
}

/** The parts of a command that serves, by what they are. */
export function partsOf(serve: number) {
  const all = descendants(serve).filter(isAlive)
  return {
    servers: all.filter((pid) => commandOf(pid).includes('--model-repository=')),
    stubs: all.filter((pid) => commandOf(pid).includes('triton_python_backend_stub')),
    guards: all.filter((pid) => commandOf(pid).includes('virnucpro-guard')),
    all,
  }
}
