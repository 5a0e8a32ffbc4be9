import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

/**
 * Cores this process may use: the affinity mask, cut down by a cgroup CPU quota where one is set.
 * Containers with a quota see every core of the host; starting a thread on each of them makes a run slower.
 */
export function availableCores(): number {
  const byMask = availableParallelism()
  const quota = cgroupQuota()
  return Math.max(1, quota === undefined ? byMask : Math.min(byMask, Math.ceil(quota)))
}

/** CPU quota in cores of cgroup v2, undefined where there is none. Source: Linux kernel, cgroup-v2, cpu.max. */
function cgroupQuota(): number | undefined {
  try {
    const [quota, period] = readFileSync('/sys/fs/cgroup/cpu.max', 'utf8').trim().split(' ')
    if (quota === undefined || quota === 'max') return undefined
    return Number(quota) / Number(period ?? 100_000)
  } catch {
    return undefined
  }
}
