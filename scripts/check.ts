/**
 * Runs all checks and prints their totals: formatter and linter, types, generated files, test suites.
 * Usage: bun scripts/check.ts
 */
import { readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const bun = process.execPath
let passed = 0
let failed = 0

async function run(command: string[]): Promise<number> {
  console.log(`\n$ ${command.join(' ').replace(bun, 'bun')}`)
  return await Bun.spawn(command, { stdin: 'ignore', stdout: 'inherit', stderr: 'inherit' }).exited
}

/** A command that passes or fails as a whole counts as one test. */
async function check(...command: string[]): Promise<void> {
  if ((await run(command)) === 0) passed++
  else failed++
}

/** The suites of `bun test`, counted from its JUnit report. */
async function suites(): Promise<void> {
  const report = join(tmpdir(), `virnucpro-junit-${process.pid}.xml`)
  const code = await run([
    bun,
    'test',
    '--timeout=120000',
    '--reporter=junit',
    `--reporter-outfile=${report}`,
  ])
  const xml = await readFile(report, 'utf8').catch(() => '')
  await rm(report, { force: true })
  const total = (name: string) => Number(new RegExp(`<testsuites[^>]* ${name}="(\\d+)"`).exec(xml)?.[1] ?? 0)
  const bad = total('failures') + total('errors')
  passed += total('tests') - bad - total('skipped')
  failed += bad
  // A crash, or a file that does not load, fails no single test.
  if (code !== 0 && bad === 0) failed++
  if (code === 0 && total('tests') === 0) failed++
}

await check('node_modules/.bin/biome', 'ci', '.')
await check('node_modules/.bin/tsc', '-p', '.')
await check(bun, 'scripts/make-example.ts', '--check')
await check(bun, 'scripts/make-demo-bundle.ts', '--check')
await suites()
console.log(`\n${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
