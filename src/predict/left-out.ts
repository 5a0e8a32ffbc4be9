import type { InvalidRecord } from '../fasta/index.ts'
import { type InputStructure, isAboutRecord } from '../results/index.ts'

/**
 * Describes records left out of a run at their place among the others. Faults are found ahead of the records that are handed on:
 * what comes after one of those waits for it, all else is described at once, however many follow each other.
 */
export class LeftOut {
  readonly #structure: InputStructure
  #waiting: { before: number; record: InvalidRecord }[] = []
  #done = 0
  #handedOn = 0

  constructor(structure: InputStructure) {
    this.#structure = structure
  }

  /** @param before - how many records that were not left out came before */
  add(record: InvalidRecord, before: number): void {
    if (record.outcome !== 'left_out') return
    this.#waiting.push({ before, record })
    if (before === this.#handedOn) this.#describe()
  }

  /** To be called before the next record that was not left out is described. */
  next(): void {
    this.#describe()
    this.#handedOn++
  }

  /** Describes those before the record that is handed on next. */
  #describe(): void {
    for (let next = this.#waiting[this.#done]; next !== undefined; next = this.#waiting[++this.#done]) {
      if (next.before > this.#handedOn) return
      const { id, source, reason } = next.record
      if (isAboutRecord(reason)) this.#structure.leftOut(id, source, reason)
    }
    if (this.#done > 0) this.#waiting = []
    this.#done = 0
  }

  /** Describes those that are left, once all records have been handed on. */
  finish(): void {
    this.#handedOn = Number.POSITIVE_INFINITY
    this.#describe()
  }
}
