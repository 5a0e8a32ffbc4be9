import { describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasTriton } from '../../../scripts/support/triton.ts'
import { standInGpus } from '../../support/gpu/standins.ts'
import { user, WEIGHTS } from './support.ts'

/** Makes a folder read-only for everybody, the system's administrator included; undefined where this user may not. */
function mountReadOnly(folder: string): Disposable | undefined {
  const mount = (...words: string[]) => Bun.spawnSync(['mount', ...words]).exitCode === 0
  if (process.getuid?.() !== 0 || !mount('--bind', folder, folder)) return undefined
  const unmount = { [Symbol.dispose]: () => void Bun.spawnSync(['umount', folder]) }
  if (mount('-o', 'remount,ro,bind', folder)) return unmount
  unmount[Symbol.dispose]()
  return undefined
}

describe.skipIf(!hasTriton)('a home that a cluster shares and its users cannot write to', () => {
  test('serves GPUs that are set up, and others get what they lack in the cache of a user', async () => {
    await using machine = await standInGpus({ gpus: ['h200', 'a100'] })
    const [h200] = machine.uuids
    await using keeper = user({ ...machine.env, CUDA_VISIBLE_DEVICES: h200! })
    await keeper.succeed('setup', ...WEIGHTS, '--yes', '--calibrate', 'none')
    using mounted = mountReadOnly(keeper.home())
    if (mounted === undefined) return

    await using own = temporaryFolder()
    const predict = async (output: string, env: Record<string, string>) => {
      await using me = user({ ...machine.env, XDG_CACHE_HOME: own.path, ...env }, keeper.home())
      const words = ['--input', me.reads(), '--output-dir', output]
      return (await me.succeed('predict', ...words)).stderr
    }
    const one = await predict('one', { CUDA_VISIBLE_DEVICES: h200! })
    expect(one).toContain('instances: 1 of esm2')
    expect(existsSync(own.join('virnucpro/plans'))).toBe(false)

    const two = await predict('two', {})
    expect(two).toContain('instances: 2 of esm2')
    expect(two).toContain(`wrote ${own.join('virnucpro/plans')}`)
    expect(existsSync(own.join('virnucpro/derived'))).toBe(false)
    expect(await predict('again', {})).not.toContain('wrote ')
  }, 120_000)
})
