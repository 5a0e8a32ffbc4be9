// Inputs that the targets `scores`, `files-log` and `state` have found, as small as they get.
import { expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { readPartScores, writePartScores } from '../../../src/checkpoint/part-scores.ts'

const digest = (letter: string) => letter.repeat(64)

test('scores whose header was changed in several places, so that ids would become digests, are damaged', async () => {
  await using folder = temporaryFolder()
  const path = folder.join('part_1.scores')
  const part = { ids: ['a', 'b'], scores: Float32Array.of(0, 1, 1, 0), content: digest('1') }
  await writePartScores(path, { ...part, files: [digest('a'), digest('b'), digest('c')] })
  expect((await readPartScores(path))?.files.length).toBe(3)
  const bytes = readFileSync(path)
  bytes.write('VNPSCOR2', 'latin1')
  for (const digests of [3, 4]) {
    bytes.writeUInt32LE(digests, 20)
    writeFileSync(path, bytes)
    expect(await readPartScores(path)).toBeUndefined()
  }
  await writePartScores(path, { ...part, files: [] })
  const without = readFileSync(path)
  without.write('VNPSCOR2', 'latin1')
  without.writeUInt32LE(1, 20)
  writeFileSync(path, without)
  expect(await readPartScores(path)).toBeUndefined()
})
