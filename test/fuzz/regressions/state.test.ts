// Inputs that the targets `scores`, `files-log` and `state` have found, as small as they get.
import { expect, test } from 'bun:test'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { crc32, deflateRawSync } from 'node:zlib'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { FileRecord, readPrecisions } from '../../../src/checkpoint/index.ts'
import { readPartScores, writePartScores } from '../../../src/checkpoint/part-scores.ts'
import { optionsOfRule } from '../../../src/predict/index.ts'
import { DataError } from '../../../src/system/errors.ts'
import { sealed } from '../../../src/system/sealed.ts'

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

test.each([
  'null',
  '{"a": 1}',
  '["made"]',
  '["made", 7]',
  '["made", "a\\u0000b"]',
  '["made", "../a"]',
  '[',
  '',
])('a record of files whose line is %s has a right checksum and is damaged', async (line) => {
  await using folder = temporaryFolder()
  const state = folder.join('.virnucpro/run')
  mkdirSync(state, { recursive: true })
  let crc = 0
  const texts = ['virnucpro files 1', line].map((text) => {
    crc = crc32(text, crc)
    return `${crc.toString(16).padStart(8, '0')} ${text}\n`
  })
  writeFileSync(folder.join('.virnucpro/run/files.log'), texts.join(''))
  const read = FileRecord.read({ root: folder.path, state })
  expect(read).rejects.toThrow('none is touched')
  await read.catch(() => {})
})

test.each([
  ['no compressed data', Buffer.from('no')],
  ['a bomb', deflateRawSync(Buffer.alloc(2 ** 29))],
])('precisions whose frames are %s are damaged', async (_, frames) => {
  await using folder = temporaryFolder()
  const content = { quantized: 'fp8', rechecked: 'bf16', rule: '{}', frames: frames.toString('base64') }
  writeFileSync(folder.join('precisions.json'), sealed(content))
  expect(await readPrecisions(folder.path)).toBeUndefined()
})

test.each(['null', '[]', '"x"', '', '{'])(
  'a rule for results that is %j is an error of the state',
  (rule) => {
    expect(() => optionsOfRule(rule)).toThrow(DataError)
    expect(optionsOfRule('{"format": 1, "viralGap": 2}')).toEqual({ viralGap: 2 })
  },
)
