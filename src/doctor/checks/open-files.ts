import { textAt } from '../../system/processes.ts'
import { integer } from '../../text/numbers.ts'
import { type Check, ok, warning } from '../finding.ts'

/** Parts, journals and sorted pieces of tables that a run has open, and the connections and libraries of a server. */
const ENOUGH = 1024

export default {
  id: 'open-files',
  title: 'Open files',
  about: 'how many files a process may have open (`ulimit -n`)',
  remedy: `ulimit -n ${ENOUGH}`,
  examine() {
    const [, limit] = /^Max open files\s+(\S+)/m.exec(textAt('/proc/self/limits') ?? '') ?? []
    if (limit === undefined) return undefined
    if (limit === 'unlimited' || Number(limit) >= ENOUGH)
      return ok(limit === 'unlimited' ? 'no limit' : `${integer(Number(limit))} for each process`)
    return warning(
      `a process may have ${limit} files open, and large runs and servers need more`,
      this.remedy,
    )
  },
} satisfies Check
