import { dirname, join } from 'node:path'
import { textAt } from './processes.ts'

interface Limit {
  /** The controller's name, which version 1 mounts by itself. */
  controller: string
  /** Reads the limit of the group in a folder, in either version; NaN or infinite where there is none. */
  v2: (group: string) => number
  v1: (group: string) => number
}

/**
 * The least limit of the groups that this process is in and of those around them; infinite without any. The path of a
 * group may be one that only the host sees; the root of the hierarchy is the container's own group then.
 *
 * Source: Linux kernel, cgroup-v2 and cgroup-v1.
 *
 * @param root where `/proc` and `/sys` lie
 */
export function leastLimit({ controller, v1, v2 }: Limit, root = '/'): number {
  const groups = (textAt(join(root, 'proc/self/cgroup')) ?? '0::/').matchAll(/^\d+:([^:]*):(\/.*)$/gm)
  const limits = [...groups].flatMap(([, controllers = '', path = '']) => {
    const isV2 = controllers === ''
    if (!isV2 && !controllers.split(',').includes(controller)) return []
    return (isV2 ? ['.', 'unified'] : [controllers, controller])
      .flatMap((mount) => groupsAbove(join(root, 'sys/fs/cgroup', mount), path))
      .map(isV2 ? v2 : v1)
  })
  return Math.min(...limits.filter((limit) => !Number.isNaN(limit)), Number.POSITIVE_INFINITY)
}

/** A group, all around it, and the root of the hierarchy. */
function groupsAbove(hierarchy: string, path: string): string[] {
  const groups = [hierarchy]
  // A path may begin with `..` where the group lies outside of what this process sees.
  for (let at = path; at !== '/' && !at.includes('..'); at = dirname(at)) groups.push(join(hierarchy, at))
  return groups
}
