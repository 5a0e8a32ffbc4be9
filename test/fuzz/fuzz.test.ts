import { expect, setDefaultTimeout, test } from 'bun:test'
import { SEED } from '../support/faults/seed.ts'
import { hasPython } from '../support/python.ts'
import { describeFailure, fuzz, targetNames } from './run.ts'

/** Of all targets together; `bun run fuzz` takes an hour. */
const SECONDS = 120

// A hang is waited for, and the smallest input for a failure is looked for.
setDefaultTimeout(600_000)

test.skipIf(!hasPython)('two minutes of made-up and damaged inputs', async () => {
  const { outcomes } = await fuzz({ seconds: SECONDS, seed: SEED })
  expect(outcomes.map(({ name }) => name)).toEqual(targetNames())
  expect(outcomes.flatMap(({ failures }) => failures).map(describeFailure)).toEqual([])
  // Far below what a slow machine does.
  for (const { name, executions } of outcomes) expect([name, executions >= 10]).toEqual([name, true])
  expect(outcomes.reduce((sum, { executions }) => sum + executions, 0)).toBeGreaterThan(2000)
})
