import { expect, test } from 'bun:test'
import { appendFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { RunLock } from '../../../src/checkpoint/index.ts'
import { ExitCode } from '../../../src/exit-codes.ts'
import { breakGraph } from '../../support/broken-graph.ts'
import { resealBundle } from '../../support/bundle.ts'
import { repository, spawnCli, temporaryFolder, virnucpro } from './support.ts'

const READ = `ATG${'GCT'.repeat(80)}TAA`
const DEMO = ['--bundle', 'demo', '--backend', 'onnx']
const page = readFileSync(join(repository, 'docs/reference', 'exit-codes.md'), 'utf8')

/** Codes that the page names for a command, those of every command included. */
function documented(command: string): number[] {
  const row = page
    .split('\n')
    .find((line) => line.startsWith('| ') && line.split('|')[1]?.includes(`\`${command}\``))
  const codes = [...(row?.split('|')[2] ?? '').matchAll(/`(\d+)`/g)].map(([, code]) => Number(code))
  return [0, 64, 129, 130, 143, ...codes]
}

test('every exit code is what a real command ends with, as docs/reference/exit-codes.md has it', async () => {
  using folder = temporaryFolder()
  const { path: cwd } = folder
  writeFileSync(folder.join('in.fa'), `>a\n${READ}\n`)
  writeFileSync(folder.join('bad.fa'), `text\n>a\n${READ}\n`)
  writeFileSync(
    folder.join('many.fa'),
    Array.from({ length: 300 }, (_, i) => `>r${i}\n${varied(i)}\n`).join(''),
  )
  mkdirSync(folder.join('empty'))
  mkdirSync(folder.join('old/x_nucleotide'), { recursive: true })
  writeFileSync(folder.join('old/x_nucleotide/output_1_DNABERT_S.pt'), 'no tensors')
  for (const name of ['damaged', 'broken']) {
    cpSync(join(repository, 'examples/demo-bundle'), folder.join(name), { recursive: true })
  }
  appendFileSync(folder.join('damaged/mlp/model.onnx'), 'x')
  breakGraph(folder.join('broken/dnabert_s/model.onnx'))
  resealBundle(folder.join('broken'))
  await using _lock = await RunLock.acquire(folder.join('locked/.virnucpro/in.lock'))
  const commands: [code: number, command: string, words: string[]][] = [
    [0, 'predict', ['in.fa', '-o', 'out', ...DEMO]],
    [2, 'predict', ['many.fa', '-o', 'part', '--bundle', 'broken', '--backend', 'onnx']],
    [64, 'predict', ['in.fa', '--no-such-option']],
    [65, 'predict', ['bad.fa', '-o', 'bad', ...DEMO]],
    [66, 'predict', ['no.fa', ...DEMO]],
    [69, 'predict', ['in.fa', '--bundle', 'demo', '--triton', 'grpc://127.0.0.1:1', '--server-timeout', '1']],
    [73, 'predict', ['in.fa', '-o', 'in.fa/out', ...DEMO]],
    [75, 'predict', ['in.fa', '-o', 'locked', ...DEMO]],
    [1, 'models verify', ['damaged']],
    [66, 'models verify', ['empty']],
    [66, 'models show', ['none']],
    [1, 'checkpoints verify', ['old']],
    [3, 'checkpoints verify', ['empty']],
    [66, 'checkpoints list', ['none']],
    [65, 'checkpoints migrate', ['old', '--to', 'broad']],
    [66, 'checkpoints migrate', ['empty', '--to', 'broad']],
    [73, 'repository build', ['--bundle', 'demo', '--backend', 'python', '-o', 'old']],
    [66, 'engines show', ['empty']],
    [66, 'report', ['empty']],
    [66, 'serve', ['--repository', 'none', '--server-bin', process.execPath]],
    [69, 'serve', ['--repository', 'empty', '--server-bin', '/no/such/server']],
    [66, 'config', ['--config', 'none.yaml']],
  ]
  const seen = new Set<number>()
  for (const [expected, command, words] of commands) {
    const { code, err } = await virnucpro([...command.split(' '), ...words], { cwd })
    expect({ command, words, code, defect: err.includes('defect') }).toEqual({
      command,
      words,
      code: expected,
      defect: false,
    })
    expect({ command, code, documented: documented(command).includes(code) }).toEqual({
      command,
      code,
      documented: true,
    })
    seen.add(code)
  }
  for (const [signal, code] of [
    ['SIGHUP', 129],
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    const child = spawnCli(
      ['predict', 'many.fa', '-o', `stopped-${code}`, '-v', '--token-budget', '64', ...DEMO],
      { cwd },
    )
    let said = ''
    for await (const piece of child.stderr.pipeThrough(new TextDecoderStream())) {
      if (!said.includes('models: ') && (said + piece).includes('models: ')) child.kill(signal)
      said += piece
    }
    expect({ signal, code: await child.exited }).toEqual({ signal, code })
    seen.add(code)
  }
  const full = Bun.spawn(
    [
      'sh',
      '-c',
      'exec "$@" > /dev/full',
      'sh',
      process.execPath,
      join(repository, 'src/cli/main.ts'),
      'config',
    ],
    { cwd, stderr: 'ignore' },
  )
  seen.add(await full.exited)
  expect([...seen].sort((a, b) => a - b)).toEqual(Object.values(ExitCode).sort((a, b) => a - b))
  const summary = JSON.parse(readFileSync(folder.join('part/many_report/summary.json'), 'utf8'))
  expect(summary).toMatchObject({ outcome: 'failed-parts', exitCode: 2 })
}, 120_000)

/** Reads that differ, so that all tokens of the table occur. */
function varied(seed: number): string {
  let state = seed + 1
  const bases = Array.from({ length: 300 }, () => {
    state = (state * 48_271) % 2_147_483_647
    return 'ACGT'[state % 4]
  })
  return bases.join('')
}
