import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Evidence, ruleOf } from '../../../src/results/call.ts'

const docs = resolve(import.meta.dir, '../../../docs')

/** Cells of the rows of the table in a page whose header has these columns. */
function tableOf(text: string, columns: readonly string[]): string[][] {
  const [, rows = ''] = text.split(`| ${columns.join(' | ')} |\n`)
  return rows
    .split('\n\n')[0]!
    .split('\n')
    .slice(1)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
}

test('the contig that docs/explanation/what-a-result-means.md works out is called as it says', () => {
  const text = readFileSync(join(docs, 'explanation/what-a-result-means.md'), 'utf8')
  const chunks = new Map<string, { virus: number; others: number }>()
  for (const [chunk = '', , virus, others] of tableOf(text, ['chunk', 'frame', 'virus', 'others'])) {
    expect(Number(virus) + Number(others)).toBeCloseTo(1)
    const best = chunks.get(chunk) ?? { virus: 0, others: 0 }
    chunks.set(chunk, {
      virus: Math.max(best.virus, Number(virus)),
      others: Math.max(best.others, Number(others)),
    })
  }
  const evidence = new Evidence(ruleOf({}))
  for (const { virus, others } of chunks.values()) evidence.add(virus, others)
  const scores = [
    evidence.viralChunks / evidence.chunks,
    evidence.virus,
    evidence.others,
    evidence.weightedDelta,
  ]
  const columns = [
    ...['n_chunks', 'n_scored', 'n_viral', 'viral_fraction', 'virus_score', 'others_score'],
    ...['weighted_delta', 'call', 'tier'],
  ]
  const [row] = tableOf(text, columns)
  expect(row).toEqual([
    '7',
    String(chunks.size),
    String(evidence.viralChunks),
    ...scores.map((score) => score.toFixed(4)),
    evidence.call,
    evidence.tier,
  ])
  // Chunk 1 is the one that the text speaks of.
  expect(chunks.get('1')).toEqual({ virus: 0.97, others: 0.98 })
  expect(chunks.has('4')).toBe(false)
})
