import { expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import fc from 'fast-check'
import { type Mutant, mutated } from './mutations.ts'
import { fuzz } from './run.ts'

setDefaultTimeout(120_000)

/** Fuzzes a target with such a property, for a second. */
async function fuzzing(property: string, options: { seed?: number; path?: string } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'virnucpro-fuzz-test-'))
  try {
    writeFileSync(
      join(folder, 'planted.ts'),
      `import fc from ${JSON.stringify(resolve(import.meta.dir, '../../node_modules/fast-check'))}
       export const target = { name: 'planted', about: 'a fault with itself', weight: 1, property: () => ${property} }`,
    )
    const { outcomes } = await fuzz({ seconds: 1, hangSeconds: 2, folder, ...options })
    const [outcome] = outcomes
    if (outcome === undefined) throw new Error('no outcome')
    return outcome
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

test('a target without a fault is run until the time is over', async () => {
  const { executions, failures, memory } = await fuzzing('fc.property(fc.nat(), () => {})')
  expect(failures).toEqual([])
  expect(executions).toBeGreaterThan(100)
  expect(memory.after).toBeGreaterThan(10)
})

test('a target that is slow to begin is run once', async () => {
  const slow = 'fc.asyncProperty(fc.nat(), () => new Promise((resolve) => setTimeout(resolve, 1500)))'
  expect((await fuzzing(slow)).executions).toBe(1)
})

test.each([
  ['an error', "if (n > 1000) throw new Error('above')", /above/],
  ['a rejection', "if (n > 1000) return Promise.reject(new Error('above'))", /above/],
])('%s is shrunk to its smallest input, which its seed and path repeat', async (_, body, message) => {
  const property = `fc.asyncProperty(fc.nat(), async (n) => { ${body} })`
  const { failures } = await fuzzing(property)
  expect(failures).toMatchObject([
    { target: 'planted', input: '[1001]', error: expect.stringMatching(message) },
  ])
  const { seed = 0, path = '' } = failures[0] ?? {}
  expect((await fuzzing(property, { seed, path })).failures).toMatchObject([{ seed, input: '[1001]' }])
})

test.each([
  ['hangs', 'for (;;);', /no end after 2 s/],
  ['never answers', 'return new Promise(() => setInterval(() => {}, 1000))', /no end after 2 s/],
  ['ends the process', "console.error('last words'); process.exit(3)", /exit code 3\nlast words/],
  ['kills the process', "process.kill(process.pid, 'SIGKILL')", /SIGKILL/],
  ['fails behind its back', "Promise.reject(new Error('nobody waits')); await Bun.sleep(5)", /nobody waits/],
])('an input that %s is named, and repeated by its seed and path', async (_, body, message) => {
  const property = `fc.asyncProperty(fc.nat(), async (n) => { if (n % 10 === 7) { ${body} } await 0 })`
  const { failures } = await fuzzing(property)
  expect(failures).toHaveLength(1)
  const { seed = 0, path = '', input = '', error = '' } = failures[0] ?? {}
  expect(error).toMatch(message)
  expect(input).toMatch(/^\[\d*7\]$/)
  const [again] = (await fuzzing(property, { seed, path })).failures
  expect(again).toMatchObject({ seed, path, input })
})

test('mutants are near real files, differ, and shrink to the file itself', () => {
  const files = [
    { name: 'a', bytes: Buffer.from('>one\nACGTACGTACGT\n') },
    { name: 'b', bytes: Buffer.from('@two\nAC\n+\nII\n') },
  ]
  const sample = fc.sample(mutated(files, { tokens: ['>', '\n'] }), { numRuns: 500, seed: 3 })
  expect(new Set(sample.map(({ bytes }) => Buffer.from(bytes).toString('latin1'))).size).toBeGreaterThan(300)
  for (const { bytes } of sample) expect(bytes.length).toBeLessThanOrEqual(4096)
  expect(files.map(({ bytes }) => bytes.toString())).toEqual(['>one\nACGTACGTACGT\n', '@two\nAC\n+\nII\n'])
  const never = fc.property(mutated(files), (_: Mutant) => false)
  const [smallest] = fc.check(never, { seed: 1 }).counterexample ?? []
  expect(Buffer.from(smallest?.bytes ?? [])).toEqual(files[0]!.bytes)
})
