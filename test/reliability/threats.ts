/**
 * Who may be hostile, what they may try, and what stops them.
 * `scripts/reliability.ts` makes the tables of SECURITY.md from this file.
 */
import type { Evidence } from './evidence.ts'

export interface Threat {
  readonly attempt: string
  readonly defence: string
  readonly test: Evidence
}

export interface ThreatGroup {
  /** Who is hostile. */
  readonly who: string
  readonly threats: readonly Threat[]
}

export const THREATS: readonly ThreatGroup[] = []
