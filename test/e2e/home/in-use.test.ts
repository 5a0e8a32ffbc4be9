import { expect, test } from 'bun:test'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { hasTriton } from '../../../scripts/support/triton.ts'
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

test('a bundle that a run computes with is not removed', async () => {
  using at = homeWith([ONE])
  const words = [join(repository, 'src/cli/main.ts'), 'predict', '--input', '-', '-o', at.folder.join('out')]
  const run = Bun.spawn([process.execPath, ...words], {
    cwd: at.folder.path,
    env: { ...process.env, ...at.env },
    stdin: 'pipe',
    stdout: 'ignore',
    stderr: 'pipe',
  })
  await untilLeased(at)
  const refused = await remove(at)
  expect(refused.stderr).toContain(`in use, by process ${run.pid}`)
  expect(refused.code).toBe(75)
  run.stdin.write(`>a\n${'ATGGCC'.repeat(100)}\n`)
  await run.stdin.end()
  expect([await run.exited, await new Response(run.stderr).text()]).toEqual([0, expect.any(String)])
  expect(readdirSync(at.at('locks'))).toEqual([])
  expect((await remove(at)).code).toBe(0)
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
