import type { Machine } from './machine.ts'

/** What is measured, in which unit, and which way is better. */
export interface Measure {
  /** Unique within a bench: compare.ts matches results by it. */
  readonly name: string
  /** `MB/s`, `tok/s`, `s`, `MB`, `%`, `x`. */
  readonly unit: string
  readonly better: 'higher' | 'lower'
  /** Its name on record, where the names of bench and result are not to be it. */
  readonly figure?: string
}

export interface Result extends Measure {
  /** The median of all rounds. */
  readonly value: number
  /** The lowest and the highest round; both the value itself where there was one round. */
  readonly low: number
  readonly high: number
  readonly rounds: number
  /** What it was compared with in the same run. */
  readonly against?: Against | readonly Against[]
  /** What a reader must know about this figure. */
  readonly note?: string
}

export interface Against {
  readonly name: string
  /** The median, in the unit of the result. */
  readonly value: number
  /** How many times better ours is: above 1 for better, whichever way is better. The median over rounds. */
  readonly ratio: number
  /** What the ratio is called on record after `over-`, where its name is not to be it. */
  readonly figure?: string
}

export interface BenchDocument {
  readonly format: 'virnucpro-bench'
  readonly version: 1
  /** Folder and name: `micro/fasta`. */
  readonly bench: string
  /** ISO 8601, UTC. */
  readonly date: string
  readonly program: string
  readonly machine: Machine
  /** What decides the figures: sizes, seeds, threads. Results with other settings are not compared. */
  readonly settings: Readonly<Record<string, Setting>>
  readonly results: readonly Result[]
}

export type Setting = string | number | boolean | readonly (string | number)[]
