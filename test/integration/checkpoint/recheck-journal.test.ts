import { expect, test } from 'bun:test'
import { mkdirSync } from 'node:fs'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { FileRecord, type JournalEntry, KEY_BYTES, RunFolder } from '../../../src/checkpoint/index.ts'
import { keepFiles } from '../../../src/system/kept-files.ts'

const ENTRY: JournalEntry = {
  model: 'esm2_recheck',
  keys: new Uint8Array(KEY_BYTES).fill(7),
  vectors: Float32Array.of(1, 2),
  dimension: 2,
}

test('embeddings of a round of the recheck are found again by this round alone', async () => {
  await using folder = temporaryFolder()
  const root = folder.join('output')
  const path = folder.join('output/.virnucpro/reads')
  mkdirSync(path, { recursive: true })
  using record = await FileRecord.open({ root, state: path, covers: (each) => each.startsWith(root) })
  using _kept = keepFiles(record)
  const run = await RunFolder.open({
    ...{ path, record, results: [], force: false, resume: false, legacy: false },
    manifest: { format: 1, version: '0', status: 'unfinished', inputs: [], settings: {}, models: 'models' },
    digestStreams: async () => [],
    claim: async () => {},
  })
  await run.makeWorkFolder()
  const found = async (round: number) => {
    const keys: number[] = []
    await using _journal = await run.openRecheckJournal(round, 1, (entry) => keys.push(...entry.keys))
    return keys.length
  }
  {
    await using journal = await run.openRecheckJournal(1, 1, () => {})
    journal.append(ENTRY)
  }
  expect(await found(1)).toBe(KEY_BYTES)
  // Killed before the journal was removed, the next start finds all of round 1 done and begins with round 2.
  expect(await found(2)).toBe(0)
})
