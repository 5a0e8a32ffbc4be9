import { describe, expect, test } from 'bun:test'
import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { Journal, type JournalEntry, KEY_BYTES } from '../../../src/checkpoint/index.ts'

function entry(seed: number, count = 3, dimension = 4): JournalEntry {
  const keys = new Uint8Array(count * KEY_BYTES).map((_, i) => (seed * 31 + i * 7) & 255)
  const vectors = new Float32Array(count * dimension).map((_, i) => seed + i / 8)
  return { model: seed % 2 === 0 ? 'esm2' : 'dnabert_s', keys, vectors, dimension }
}

async function write(path: string, entries: JournalEntry[], models = 'models'): Promise<void> {
  await using journal = await Journal.open(path, models, () => {})
  for (const one of entries) journal.append(one)
}

async function readAll(path: string, models = 'models'): Promise<JournalEntry[]> {
  const found: JournalEntry[] = []
  await using _journal = await Journal.open(path, models, (one) =>
    found.push({ ...one, keys: one.keys.slice() }),
  )
  return found
}

const plain = (entries: JournalEntry[]) =>
  entries.map(({ keys, vectors, ...rest }) => ({ ...rest, keys: [...keys], vectors: [...vectors] }))

describe('a journal', () => {
  test('gives back what was put in, over several runs', async () => {
    await using folder = temporaryFolder()
    const path = folder.join('work', 'a.journal')
    const entries = [entry(1), entry(2, 1), entry(3, 200, 9)]
    await write(path, entries.slice(0, 2))
    await write(path, entries.slice(2))
    expect(plain(await readAll(path))).toEqual(plain(entries))
  })

  test('keeps large entries, and drops the remains of one that a hole in the file has made large', async () => {
    await using folder = temporaryFolder()
    const path = folder.join('a.journal')
    const entries = [entry(1), entry(2, 40, 120_000), entry(3)]
    await write(path, entries)
    const readBack = await readAll(path)
    expect(readBack.map(({ vectors }) => vectors.length)).toEqual([12, 4_800_000, 12])
    expect(readBack[1]?.vectors).toEqual(entries[1]?.vectors as Float32Array)
    const whole = statSync(path).size
    const head = Buffer.alloc(8)
    head.writeUInt32LE(0xffff_fff0)
    appendFileSync(path, head)
    truncateSync(path, whole + 2 ** 32)
    const before = process.memoryUsage.rss()
    expect(await readAll(path)).toHaveLength(3)
    expect(process.memoryUsage.rss() - before).toBeLessThan(2 ** 29)
    expect(statSync(path).size).toBe(whole)
  })

  test('of other models gives nothing and is begun again', async () => {
    await using folder = temporaryFolder()
    const path = folder.join('a.journal')
    await write(path, [entry(1)])
    expect(await readAll(path, 'other models')).toEqual([])
    await write(path, [entry(2)], 'other models')
    expect(plain(await readAll(path, 'other models'))).toEqual(plain([entry(2)]))
    expect(await readAll(path)).toEqual([])
  })

  test('torn anywhere keeps the entries before and goes on after them', async () => {
    await using folder = temporaryFolder()
    const path = folder.join('a.journal')
    const entries = [entry(1), entry(2), entry(3)]
    await write(path, entries)
    const whole = readFileSync(path)
    const size = (whole.length - 40) / 3
    for (let length = 0; length < whole.length; length += 13) {
      writeFileSync(path, whole.subarray(0, length))
      await write(path, [entry(4)])
      const kept = Math.max(0, Math.floor((length - 40) / size))
      expect(plain(await readAll(path))).toEqual(plain([...entries.slice(0, kept), entry(4)]))
    }
  })

  test('with any changed byte gives only entries that were written', async () => {
    await using folder = temporaryFolder()
    const path = folder.join('a.journal')
    const entries = [entry(1), entry(2), entry(3)]
    await write(path, entries)
    const whole = readFileSync(path)
    const written = plain(entries).map((one) => JSON.stringify(one))
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const bytes = Buffer.from(whole)
        bytes[at] = (bytes[at] as number) ^ change
        writeFileSync(path, bytes)
        const found = plain(await readAll(path)).map((one) => JSON.stringify(one))
        expect(found).toEqual(written.slice(0, found.length))
        expect(found.length).toBeLessThan(3)
      }),
      { numRuns: 300 },
    )
  })

  test('is gone once it is removed', async () => {
    await using folder = temporaryFolder()
    const path = folder.join('a.journal')
    const journal = await Journal.open(path, 'models', () => {})
    journal.append(entry(1))
    expect(statSync(path).size).toBeGreaterThan(100)
    await journal.remove()
    expect(() => statSync(path)).toThrow('ENOENT')
  })
})
