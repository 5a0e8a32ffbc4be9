import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { wordsOf } from '../../../src/predict/recurring.ts'
import { Reuse } from '../../../src/predict/reuse.ts'

const keyOf = (text: number) => new Uint8Array(new Bun.CryptoHasher('sha256').update(String(text)).digest())

/** 4 bytes. */
const WIDTH = 1

interface Input {
  /** Sequences of each window, all different. */
  windows: readonly (readonly number[])[]
  /** Embeddings that may be kept. */
  room: number
}

/** For each window the sequences that it takes from earlier ones, when it is known what recurs from window `known` on. */
async function borrowed({ windows, room }: Input, known: number, canLook = true): Promise<number[][]> {
  // Of a key four words are kept.
  const startOf = (key: Uint32Array) => key.subarray(0, 4).join()
  const counts = Map.groupBy(windows.flat(), (text) => startOf(wordsOf(keyOf(text))))
  const looking = Promise.withResolvers<void>()
  await using reuse = new Reuse({
    widthOf: () => WIDTH,
    limit: 4 * WIDTH * room,
    findRecurring: canLook
      ? async () => {
          await looking.promise
          return (_, key) => (counts.get(startOf(key))?.length ?? 0) > 1
        }
      : undefined,
  })
  const claims: Promise<number[]>[] = []
  for (const [i, texts] of windows.entries()) {
    if (i === known) {
      looking.resolve()
      await Bun.sleep(0)
    }
    reuse.isRead = i === windows.length - 1
    const turn = reuse.begin(false)
    const owners = turn.claim('esm2', texts.map(keyOf))
    claims.push(owners.then((all) => texts.filter((_, at) => all[at]! > 0 && all[at]! < turn.number)))
    turn.end()
  }
  looking.resolve()
  return await Promise.all(claims)
}

const input = fc.record({
  windows: fc.array(fc.uniqueArray(fc.nat(30), { maxLength: 12 }), { minLength: 1, maxLength: 8 }),
  room: fc.nat(25),
})

test('what a window computes does not depend on when it is known what recurs', async () => {
  await fc.assert(
    fc.asyncProperty(input, fc.nat(8), async (input, known) => {
      expect(await borrowed(input, known)).toEqual(await borrowed(input, 0))
    }),
    { numRuns: 300 },
  )
})

test('with room for all, a sequence is computed in its first window and no other, whether the input can be read twice or not', async () => {
  await fc.assert(
    fc.asyncProperty(input, fc.boolean(), async ({ windows }, canLook) => {
      const seen = new Set<number>()
      const expected = windows.map((texts) => {
        const again = texts.filter((text) => seen.has(text))
        for (const text of texts) seen.add(text)
        return again
      })
      expect(await borrowed({ windows, room: 1000 }, 3, canLook)).toEqual(expected)
    }),
  )
})

test('with little room, what comes first and recurs is kept', async () => {
  const windows = [
    [1, 2, 3, 4, 5],
    [2, 4, 5, 6],
    [2, 4, 5, 6],
  ]
  // Recurring in this order: 2, 4, 5, 6.
  for (const known of [0, 1, 2, 9])
    expect(await borrowed({ windows, room: 2 }, known)).toEqual([[], [2, 4], [2, 4]])
  expect(await borrowed({ windows, room: 4 }, 9)).toEqual([[], [2, 4, 5], [2, 4, 5, 6]])
})

test('where an earlier start has done a part, nothing is said before it is known what recurs', async () => {
  const looking = Promise.withResolvers<void>()
  await using reuse = new Reuse({
    widthOf: () => WIDTH,
    limit: 100,
    findRecurring: async () => {
      await looking.promise
      return () => false
    },
  })
  const turn = reuse.begin(true)
  const owners = turn.claim('esm2', [keyOf(1)])
  expect(await Promise.race([owners, Bun.sleep(20).then(() => 'waits')])).toBe('waits')
  looking.resolve()
  expect([...(await owners)]).toEqual([0])
  turn.end()
})

test('who has read all parts can wait until nothing reads the input any more', async () => {
  const looking = Promise.withResolvers<void>()
  await using stack = new AsyncDisposableStack()
  const reuse = stack.use(
    new Reuse({
      widthOf: () => WIDTH,
      limit: 100,
      findRecurring: async (signal) => {
        await looking.promise
        signal.throwIfAborted()
        return () => true
      },
    }),
  )
  const turn = reuse.begin(true)
  const owners = turn.claim('esm2', [keyOf(1)])
  const closed = reuse.endReading().then(() => stack.disposeAsync())
  expect(await Promise.race([closed, Bun.sleep(20).then(() => 'waits')])).toBe('waits')
  looking.resolve()
  await closed
  expect([...(await owners)]).toEqual([1])
  turn.end()
})
