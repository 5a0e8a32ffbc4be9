import type { Examination } from './examination.ts'

export const VERDICTS = ['ok', 'warning', 'problem'] as const
/** Something that is well, that will be in the way of some work, or that has to be mended first. */
export type Verdict = (typeof VERDICTS)[number]

/** What a check has found. */
export interface Outcome {
  verdict: Verdict
  /** One sentence, without the full stop. */
  text: string
  /** The command that mends it, or else what to do; absent where all is well. */
  remedy?: string
}

/** What one check has found, with the name of the check. */
export interface Finding extends Outcome {
  /** Stays the same from version to version: `memory`. */
  id: string
  /** For people. */
  title: string
}

/** One thing that is looked at. Nothing is changed by it. */
export interface Check {
  id: string
  title: string
  /** What is looked at, for the documentation. */
  about: string
  /** What mends an error that `examine` throws. */
  remedy: string
  /** Undefined where there is nothing to be said on this machine. What it throws is a problem in words. */
  examine(examination: Examination): Outcome | undefined | Promise<Outcome | undefined>
}

export function ok(text: string): Outcome {
  return { verdict: 'ok', text }
}

export function warning(text: string, remedy: string): Outcome {
  return { verdict: 'warning', text, remedy }
}

export function problem(text: string, remedy: string): Outcome {
  return { verdict: 'problem', text, remedy }
}
