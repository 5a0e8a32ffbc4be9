import { expect, test } from 'bun:test'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomFasta } from '../../../scripts/support/fasta.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { repository, virnucpro } from '../../support/cli.ts'

/** The command line on one core; `taskset` is part of util-linux. */
async function onOneCore(words: readonly string[], env: Record<string, string> = {}) {
  const child = Bun.spawn(['taskset', '-c', '0', process.execPath, 'src/cli/main.ts', ...words], {
    cwd: repository,
    env: { ...process.env, NO_COLOR: '1', ...env },
    stdout: 'pipe',
    stderr: 'pipe',
  })
  // A thread for each that was asked for would be seen here.
  let most = 0
  const watch = setInterval(() => {
    try {
      most = Math.max(most, readdirSync(`/proc/${child.pid}/task`).length)
    } catch {
      // It has ended.
    }
  }, 10)
  const [stderr, code] = await Promise.all([new Response(child.stderr).text(), child.exited])
  clearInterval(watch)
  return { stderr, code, most }
}

test.skipIf(Bun.which('taskset') === null)(
  'no more threads compute than there are cores, which is said once, on the terminal and in the report',
  async () => {
    await using folder = temporaryFolder()
    const input = folder.join('reads.fa')
    writeFileSync(input, randomFasta(1, 3))
    const words = (name: string) => ['predict', input, '-o', folder.join(name), '--bundle', 'demo']
    const plain = await onOneCore(words('plain'))
    expect(plain.code).toBe(0)
    expect(plain.stderr).not.toContain('were asked for')
    for (const [name, more, env] of [
      ['flag', ['--threads', '400'], {}],
      ['environment', [], { VIRNUCPRO_THREADS: '400' }],
    ] as const) {
      const { code, stderr, most } = await onOneCore([...words(name), ...more], env)
      expect(code).toBe(0)
      const said = '400 threads were asked for, and this process may use one core: one thread computes'
      expect(stderr.split(said)).toHaveLength(2)
      expect(stderr).toContain('ONNX Runtime in this process, 1 thread')
      expect(most).toBeLessThan(plain.most + 20)
      const report = join(folder.join(name), 'reads_report')
      expect(JSON.parse(readFileSync(join(report, 'summary.json'), 'utf8')).warnings).toContain(said)
      expect(readFileSync(join(report, 'report.html'), 'utf8')).toContain(said)
    }
  },
  60_000,
)

test('warnings of the command line and the configuration stand in the report', async () => {
  await using folder = temporaryFolder()
  const input = folder.join('reads.fa')
  writeFileSync(input, `>one\n${'ACGG'.repeat(90)}\n>empty\n`)
  const words = ['predict', input, '-o', folder.join('out'), '--bundle', 'demo', '--parallel']
  const { code, stderr } = await virnucpro([...words, '--on-invalid', 'skip'], undefined, {
    VIRNUCPRO_THREDS: '2',
  })
  expect(code).toBe(0)
  const report = folder.join('out', 'reads_report')
  const { warnings } = JSON.parse(readFileSync(join(report, 'summary.json'), 'utf8')) as {
    warnings: string[]
  }
  const shown = [...stderr.matchAll(/^warning: (.*)$/gm)].map(([, text]) => text ?? '')
  expect(shown.length).toBeGreaterThanOrEqual(4)
  // Every warning that was shown, whatever it is about.
  expect(warnings).toEqual(shown)
  const page = readFileSync(join(report, 'report.html'), 'utf8')
  expect(page).not.toContain('<p>None.</p>')
  for (const text of ['--parallel', 'VIRNUCPRO_THREDS', 'left out: ', 'DEMONSTRATION'])
    expect(page).toContain(text)
})
