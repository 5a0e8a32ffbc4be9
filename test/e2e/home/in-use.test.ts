import { expect, test } from 'bun:test'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { hasTriton } from '../../../scripts/support/triton.ts'
import { writeRandomModels } from '../../integration/import/support/models.ts'
import { repository } from '../../support/cli.ts'
import { demoRepository, serve } from '../serve/support.ts'
import { homeWith, IDS, type TestHome } from './support.ts'

const [ONE] = IDS
const remove = (at: TestHome) => at.run('models', 'remove', ONE, '--yes')

async function untilLeased(at: TestHome): Promise<void> {
  const isLeased = () =>
    existsSync(at.at('locks')) && readdirSync(at.at('locks')).some((name) => name.startsWith('in-use.'))
  while (!isLeased()) await Bun.sleep(20)
}

test('a bundle that a run computes with is neither removed nor replaced', async () => {
  using at = homeWith([])
  const { esm, dnabert, mlp } = await writeRandomModels(at.folder.path)
  const words = ['models', 'import', '--esm', esm, '--dnabert', dnabert, '--mlp', `500=${mlp}`]
  expect(await at.run(...words)).toMatchObject({ code: 0 })
  const [id = ''] = readdirSync(at.at('bundles'))
  const predict = [
    join(repository, 'src/cli/main.ts'),
    'predict',
    '--input',
    '-',
    '-o',
    at.folder.join('out'),
  ]
  const run = Bun.spawn([process.execPath, ...predict], {
    cwd: at.folder.path,
    env: { ...process.env, ...at.env },
    stdin: 'pipe',
    stdout: 'ignore',
    stderr: 'pipe',
  })
  await untilLeased(at)
  for (const change of [
    ['models', 'remove', id, '--yes'],
    [...words, '--force'],
  ]) {
    const refused = await at.run(...change)
    expect(refused.stderr).toContain(`in use, by process ${run.pid}`)
    expect(refused.code).toBe(75)
  }
  run.stdin.write(`>a\n${'ATGGCC'.repeat(100)}\n`)
  await run.stdin.end()
  expect([await run.exited, await new Response(run.stderr).text()]).toEqual([0, expect.any(String)])
  expect(readdirSync(at.at('locks'))).toEqual([])
  expect((await at.run(...words, '--force')).code).toBe(0)
  expect((await at.run('models', 'remove', id, '--yes')).code).toBe(0)
})

test.skipIf(!hasTriton)('a bundle whose repository a server serves is not removed', async () => {
  using at = homeWith([ONE])
  const running = await serve(await demoRepository(at.at('repositories', ONE, 'bf16/10.6.0')), [], at.env)
  await running.ready()
  const refused = await remove(at)
  expect(refused.stderr).toContain(`in use, by process ${running.child.pid}`)
  expect(existsSync(at.at('bundles', ONE))).toBe(true)
  running.child.kill('SIGKILL')
  await running.ended()
  expect((await remove(at)).code).toBe(0)
  expect(readdirSync(at.at('repositories'))).toEqual([])
})
