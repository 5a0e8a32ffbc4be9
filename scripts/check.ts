/**
 * Runs all checks and prints their totals: formatter and linter, types, generated files, test suites.
 * Usage: bun scripts/check.ts
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const bun = process.execPath
let passed = 0
let failed = 0
/** What failed and why, shown again at the end: the output before it is long. */
const failures: string[] = []
/** Lines of a failed test that are shown again. */
const SHOWN = 40

/** As it would be typed. */
const typed = (command: readonly string[]) => command.join(' ').replace(bun, 'bun')

async function run(command: string[]): Promise<number> {
  console.log(`\n$ ${typed(command)}`)
  return await Bun.spawn(command, { stdin: 'ignore', stdout: 'inherit', stderr: 'inherit' }).exited
}

/** A command that passes or fails as a whole counts as one test. */
async function check(...command: string[]): Promise<void> {
  if ((await run(command)) === 0) {
    passed++
    return
  }
  failed++
  failures.push(`failed: ${typed(command)}`)
}

/** Tests that mostly wait for servers: they take turns with those that compute. Fuzzing takes two minutes in any group. */
const WAITING =
  /^packages\/tritonclient-ts\/|^test\/(fuzz|e2e\/(deploy|dispatch|faults\/network|repository|runtime|serve|setup|predict\/(auto-backend|kept-server|set-up-gpus|starting-server))|integration\/monitor\/servers|soak)\b/

/** Bun's globs know no braces around a slash. */
const TESTS = ['test/**/*.test.ts', 'packages/*/test/**/*.test.ts']

/** The suites of `bun test` in two processes at a time, counted from their JUnit reports. */
async function suites(): Promise<void> {
  const files = [...TESTS.flatMap((pattern) => [...new Bun.Glob(pattern).scanSync('.')])].sort()
  const groups = [files.filter((file) => !WAITING.test(file)), files.filter((file) => WAITING.test(file))]
  // Without a name, `bun test` would run everything.
  if (groups.some((group) => group.length === 0))
    throw new Error('no test files: is this the root of a checkout?')
  const folder = await mkdtemp(join(tmpdir(), 'virnucpro-check-'))
  console.log(`\n$ bun test, ${groups.map(({ length }) => length).join(' and ')} files at the same time`)
  try {
    await Promise.all(groups.map((group, i) => suite(group, join(folder, `${i}`))))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** One process of `bun test`; what it printed is shown when it has ended. */
async function suite(files: readonly string[], stem: string): Promise<void> {
  const report = `${stem}.xml`
  const output = Bun.file(`${stem}.log`)
  const reporter = ['--reporter=junit', `--reporter-outfile=${report}`]
  const command = [bun, 'test', '--timeout=120000', ...reporter, ...files.map((file) => `./${file}`)]
  const code = await Bun.spawn(command, { stdin: 'ignore', stdout: output, stderr: output }).exited
  const log = await output.text()
  process.stdout.write(log)
  failures.push(...failuresIn(log))
  const xml = await readFile(report, 'utf8').catch(() => '')
  const total = (name: string) => Number(new RegExp(`<testsuites[^>]* ${name}="(\\d+)"`).exec(xml)?.[1] ?? 0)
  const bad = total('failures') + total('errors')
  passed += total('tests') - bad - total('skipped')
  failed += bad
  // A crash, or a file that does not load, fails no single test.
  if ((code !== 0 && bad === 0) || (code === 0 && total('tests') === 0)) {
    failed++
    failures.push(`bun test ended with exit code ${code} and ${total('tests')} tests:\n${log.slice(-4000)}`)
  }
}

/** The tests that failed, each after what it printed. */
function failuresIn(log: string): string[] {
  const found: string[] = []
  let lines: string[] = []
  // The list that ends a log has the failures a second time.
  for (const line of log.split(/^\d+ tests failed:$/m)[0]?.split('\n') ?? []) {
    lines.push(line)
    if (line.startsWith('(fail) ')) found.push(lines.slice(-SHOWN).join('\n'))
    if (/^\((fail|pass|skip|todo)\) |^\S+\.test\.ts:$/.test(line)) lines = line.endsWith(':') ? [line] : []
  }
  return found
}

await check('node_modules/.bin/biome', 'ci', '.')
await check('node_modules/.bin/tsc', '-p', '.')
await check('node_modules/.bin/tsc', '-p', 'tsconfig.page.json')
await check(bun, 'scripts/make-example.ts', '--check')
await check(bun, 'scripts/make-demo-bundle.ts', '--check')
await check(bun, 'scripts/option-docs.ts', '--check')
await check(bun, 'test/reliability/page.ts', '--check')
await check(bun, 'bench/record.ts', '--check')
await check(bun, 'bench/performance.ts', '--check')
await check(bun, 'scripts/house.ts')
await check(bun, 'scripts/import-cost.ts')
await check(bun, 'scripts/audit.ts')
await check('scripts/api-docs.sh', '--check')
await check(bun, 'scripts/api-report.ts', '--check')
await suites()
if (failures.length > 0) console.log(`\n${failures.join('\n\n')}`)
console.log(`\n${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
