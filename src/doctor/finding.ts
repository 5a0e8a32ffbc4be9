import type { Examination } from './examination.ts'

export const VERDICTS = ['ok', 'warning', 'problem'] as const
/** All is well; runs work with a drawback; or it must be mended before a run. */
export type Verdict = (typeof VERDICTS)[number]

/** The result of a check. */
export interface Outcome {
  verdict: Verdict
  /** One sentence, without the full stop. */
  text: string
  /** The command that mends it, or other advice; absent when all is well. */
  remedy?: string
}

/** The result of a check, with its name. */
export interface Finding extends Outcome {
  /** Stays the same from version to version: `memory`. */
  id: string
  /** For people. */
  title: string
}

/** One check. It changes nothing. */
export interface Check {
  id: string
  title: string
  /** What is checked, for the documentation. */
  about: string
  /** What mends an error that `examine` throws. */
  remedy: string
  /** Undefined when the check does not apply to this machine. An error that it throws becomes a problem. */
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
