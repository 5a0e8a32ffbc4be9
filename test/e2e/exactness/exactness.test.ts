import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import fc from 'fast-check'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { draws } from './draws.ts'
import { ExactServers, quantizedBundle } from './servers.ts'
import { compareWays, newTally } from './ways.ts'

setDefaultTimeout(300_000)

/** A longer search is `bun run exactness`. */
const SECONDS = 25
/** However slow the machine is. */
const LEAST = 12

const folder = temporaryFolder()
let servers: ExactServers
let quantized: string
beforeAll(async () => {
  quantized = await quantizedBundle(folder.path)
  servers = await ExactServers.start([1, 2, 1, 3])
})
afterAll(async () => {
  await servers[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

test('whatever computes a run, and however often it is stopped, its results are equal', async () => {
  const tally = newTally()
  const end = performance.now() + SECONDS * 1000
  const property = fc.asyncProperty(draws, async (draw) => {
    // A draw that has begun comes to its end; fast-check's own limit would leave it running.
    if (performance.now() < end || tally.draws < LEAST) await compareWays(draw, { servers, quantized }, tally)
  })
  await fc.assert(property, { numRuns: 300 })
  console.log(JSON.stringify(tally))
  expect(tally.draws).toBeGreaterThanOrEqual(LEAST)
  expect(tally.interruptions).toBeGreaterThan(LEAST / 2)
})
