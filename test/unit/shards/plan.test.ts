import { afterAll, expect, test } from 'bun:test'
import { randomSource } from '../../../scripts/support/random.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { type Extent, Extents, type Piece, planShards, type Size } from '../../../src/shards/plan.ts'

const folder = temporaryFolder()
afterAll(() => folder[Symbol.asyncDispose]())

let files = 0

async function extentsOf(records: readonly Extent[]): Promise<Extents> {
  const extents = await Extents.create(folder.join(`${files++}`))
  for (const each of records) await extents.add(each)
  await extents.finish()
  return extents
}

/** Each record of an input with the number of its shard. */
async function planned(inputs: readonly Extent[][], groups: readonly number[][], size: Size) {
  const total = inputs.flat().reduce((sum, { bases }) => sum + bases, 0)
  const plan = await planShards(await Promise.all(inputs.map(extentsOf)), groups, total, size)
  const shards = plan as Piece[][]
  const places = inputs.map((_, input) =>
    shards.flatMap((pieces, shard) =>
      pieces.filter((piece) => piece.input === input).flatMap(({ records }) => Array(records).fill(shard)),
    ),
  )
  return { shards, places }
}

function randomInput(seed: number, count: number): Extent[] {
  const random = randomSource(seed)
  return Array.from({ length: count }, () => {
    const bases = 1 + Math.floor(random() * 1000)
    return { bases, bytes: bases + 5, isJoined: random() < 0.1 }
  })
}

const sum = (pieces: readonly Piece[]) => pieces.reduce((all, { bases }) => all + bases, 0)

test.each([1, 2, 7, 40, 300])(
  '%i shards follow each other without a gap and are nearly equal',
  async (shards) => {
    const input = randomInput(shards, 200)
    const plan = await planned([input], [[0]], { shards })
    expect(plan.shards).toHaveLength(shards)
    let end = 0
    for (const pieces of plan.shards) {
      expect(pieces.length).toBeLessThan(2)
      for (const { start, bytes } of pieces) {
        expect(start).toBe(end)
        end += bytes
      }
    }
    expect(end).toBe(input.reduce((all, { bytes }) => all + bytes, 0))
    // A unit may have some records that are joined.
    const share = sum(plan.shards.flat()) / shards
    for (const pieces of plan.shards) expect(Math.abs(sum(pieces) - share)).toBeLessThan(4000)
  },
)

test('shards of at most so many bases exceed them only for what stays together', async () => {
  const input = randomInput(3, 500)
  const { shards, places } = await planned([input], [[0]], { bases: 2500 })
  for (const pieces of shards) {
    const [records] = pieces
    if (sum(pieces) > 2500) expect(records?.records).toBeLessThan(8)
  }
  for (const [i, { isJoined }] of input.entries())
    if (isJoined && i > 0) expect(places[0]?.[i]).toBe(places[0]?.[i - 1])
  expect(places[0]).toHaveLength(500)
})

test('mates of the same number share a shard, also where one of them was left out', async () => {
  const gap: Extent = { bases: 0, bytes: 0, isJoined: false }
  const read = (bases: number): Extent => ({ bases, bytes: bases + 4, isJoined: false })
  const first = [read(100), gap, read(100), read(100), read(100)]
  const second = [read(50), read(50), read(50), gap, read(50)]
  const single = [read(200), read(200)]
  const { places, shards } = await planned([first, single, second], [[0, 2], [1]], { bases: 300 })
  expect(places).toEqual([
    [0, 1, 1, 2],
    [3, 4],
    [0, 0, 1, 2],
  ])
  expect(shards.map((pieces) => pieces.map(({ input }) => input))).toEqual([[0, 2], [0, 2], [0, 2], [1], [1]])
})

test('an input without records still gives every shard', async () => {
  expect((await planned([[]], [[0]], { shards: 3 })).shards).toEqual([[], [], []])
  expect((await planned([[]], [[0]], { bases: 10 })).shards).toEqual([[]])
})
