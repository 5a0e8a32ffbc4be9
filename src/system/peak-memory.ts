import { readFileSync } from 'node:fs'

/**
 * Most resident memory that this process has had, in bytes. Read from `/proc` where there is one: `getrusage` also counts what
 * the program had that started this one (getrusage(2), exec keeps the maximum).
 */
export function peakMemory(): number {
  return Math.max(ownPeak() ?? process.resourceUsage().maxRSS * 1024, process.memoryUsage.rss())
}

function ownPeak(): number | undefined {
  try {
    const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024
  } catch {
    return undefined
  }
}
