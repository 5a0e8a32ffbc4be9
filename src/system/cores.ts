import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { leastLimit } from './control-groups.ts'
import type { Logger } from './logger.ts'
import { textAt } from './processes.ts'

/**
 * Cores this process may use: those of its affinity mask, cut down by CPU quotas of its control groups.
 * Containers with a quota see every core of the host; starting a thread on each of them makes a run slower.
 *
 * @param root - where `/proc` and `/sys` lie
 */
export function availableCores(root = '/'): number {
  const byMask = availableParallelism()
  // Half a core still takes a thread.
  return Math.max(1, Math.min(byMask, Math.ceil(cgroupQuota(root))))
}

/** Threads to start: as many as were asked for, and never more than there are cores for them. */
export function threadsToStart(asked: number | undefined): number {
  const cores = availableCores()
  return asked === undefined ? cores : Math.min(asked, cores)
}

/** The same for a user's request, with a warning when it is not met: more threads than cores slow each other down. */
export function limitedThreads(asked: number | undefined, logger: Logger): number | undefined {
  if (asked === undefined) return undefined
  const threads = threadsToStart(asked)
  if (threads < asked) {
    logger.warn(
      `${asked} threads were asked for, and this process may use ${threads === 1 ? 'one core' : `${threads} cores`}: ` +
        `${threads === 1 ? 'one thread computes' : `${threads} threads compute`}`,
    )
  }
  return threads
}

/**
 * The smallest CPU quota, in cores.
 *
 * Source: Linux kernel, cgroup-v2 (`cpu.max`), cgroup-v1 and CFS bandwidth control (`cpu.cfs_quota_us`).
 */
function cgroupQuota(root: string): number {
  return leastLimit({ controller: 'cpu', v2: quotaOfV2, v1: quotaOfV1 }, root)
}

function quotaOfV2(group: string): number {
  const [quota, period] = (textAt(join(group, 'cpu.max')) ?? 'max').trim().split(' ')
  return inCores(Number(quota), Number(period ?? 100_000))
}

function quotaOfV1(group: string): number {
  const quota = textAt(join(group, 'cpu.cfs_quota_us'))
  const period = textAt(join(group, 'cpu.cfs_period_us'))
  return inCores(Number(quota ?? -1), Number(period ?? 100_000))
}

/** No quota is written as `max` or -1. */
function inCores(quota: number, period: number): number {
  return quota > 0 && period > 0 ? quota / period : Number.POSITIVE_INFINITY
}
