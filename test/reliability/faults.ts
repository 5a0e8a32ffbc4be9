/**
 * What goes wrong around a run, what the user sees then, and which test shows it.
 * `scripts/reliability.ts` makes the tables of docs/reference/reliability.md from this file.
 */
import { type Evidence, shownBy } from './evidence.ts'

export interface Fault {
  /** What happens, such as `SIGKILL in mid-run`. */
  readonly fault: string
  /** What the user sees: message, exit code. */
  readonly seen: string
  /** What has to be computed again. Nothing else is ever lost. */
  readonly lost: string
  readonly test: Evidence
}

export interface FaultGroup {
  readonly title: string
  readonly faults: readonly Fault[]
}

// Rows of a group are added by its own commits: one line between groups keeps them apart.
const PROCESSES: readonly Fault[] = [
  {
    fault: 'SIGKILL at any moment',
    seen: 'the command ends; the same command continues',
    lost: 'batches that were being computed',
    test: shownBy(
      'test/e2e/predict/resume-kill.test.ts',
      'a run stopped by $signal at a random moment (intermediates kept: $keep) ends as if it never was',
    ),
  },
]

const SYSTEM: readonly Fault[] = []

const STORAGE: readonly Fault[] = []

const NETWORK: readonly Fault[] = []

const SERVERS: readonly Fault[] = []

export const FAULTS: readonly FaultGroup[] = [
  { title: 'Signals and processes', faults: PROCESSES },
  { title: 'System, names and clocks', faults: SYSTEM },
  { title: 'Disks', faults: STORAGE },
  { title: 'Network', faults: NETWORK },
  { title: 'Servers', faults: SERVERS },
]
