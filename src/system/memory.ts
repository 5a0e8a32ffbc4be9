import { totalmem } from 'node:os'
import { join } from 'node:path'
import { leastLimit } from './control-groups.ts'
import { textAt } from './processes.ts'

/**
 * Memory that this process may use, in bytes: that of the machine, cut down by limits of its control groups.
 *
 * Source: Linux kernel, cgroup-v2 (`memory.max`), cgroup-v1 (`memory.limit_in_bytes`, a huge number for none).
 *
 * @param root where `/proc` and `/sys` lie
 */
export function availableMemory(root = '/'): number {
  const bytesIn = (file: string) => (group: string) => Number.parseInt(textAt(join(group, file)) ?? '', 10)
  const limit = { controller: 'memory', v2: bytesIn('memory.max'), v1: bytesIn('memory.limit_in_bytes') }
  return Math.min(totalmem(), leastLimit(limit, root))
}
