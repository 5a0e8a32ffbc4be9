import type { InvalidRecord } from '../fasta/index.ts'
import { type InputStructure, isAboutRecord } from '../results/index.ts'

/** Records left out of a run, until their place among the others is reached: faults are found ahead of what is handed on. */
export class LeftOut {
  #waiting: { before: number; record: InvalidRecord }[] = []
  #done = 0

  /** @param before - how many records that were not left out came before */
  add(record: InvalidRecord, before: number): void {
    if (record.outcome === 'left_out') this.#waiting.push({ before, record })
  }

  /** Describes those that come before the record of this number, counted from 0 without those left out. */
  describe(structure: InputStructure, number: number): void {
    for (let next = this.#waiting[this.#done]; next !== undefined; next = this.#waiting[++this.#done]) {
      if (next.before > number) return
      const { id, source, reason } = next.record
      if (isAboutRecord(reason)) structure.leftOut(id, source, reason)
    }
    if (this.#done > 0) this.#waiting = []
    this.#done = 0
  }
}
