import { expect, test } from 'bun:test'
import { RunStats } from '../../../src/monitor/index.ts'
import type { ModelInput } from '../../../src/predict/model-input.ts'
import { type EmbeddedPart, ModelWork } from '../../../src/predict/model-work.ts'
import { emptyPart } from '../../../src/predict/part.ts'
import { Reuse } from '../../../src/predict/reuse.ts'

const INPUT: ModelInput = {
  model: 'dnabert_s',
  column: 0,
  limits: () => ({ tokenBudget: 100, maxSequences: undefined, tapers: false }),
  padId: 0,
  sequences: ({ nucleotides }) => nucleotides,
  encode: (sequence) => new Int32Array(sequence.length),
}

function embedded(number: number, sequences: readonly string[]): EmbeddedPart {
  const part = emptyPart(number)
  for (const [row, sequence] of sequences.entries()) {
    part.ids.push(`${number}_${row}`)
    part.nucleotides.push(Buffer.from(sequence))
    part.proteins.push(Buffer.from(sequence))
  }
  const folder = { openJournal: () => Promise.reject(new Error('not asked')), removeJournal: async () => {} }
  return {
    of: { folder, stats: new RunStats([], 300) },
    part,
    features: new Float32Array(sequences.length),
    failed: [],
    begun: undefined,
    batches: new Map(),
  }
}

test('what was taken over from an old run is there in each window that has it', async () => {
  await using reuse = new Reuse({ widthOf: () => 1, limit: 100 })
  for (const sequences of [
    ['ACGT', 'AAAA'],
    ['ACGT', 'CCCC'],
  ]) {
    const turn = reuse.begin(false)
    const target = embedded(turn.number, sequences)
    const work = new ModelWork(INPUT, 1, 1, [{ part: target.part, target, turn }])
    await work.claim()
    for (const group of work.groups) expect(work.adopt(group, new Float32Array([7]))).toBe(true)
    work.keep()
    turn.end()
    await work.borrow()
    expect([...target.features]).toEqual([7, 7])
  }
})
