import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasTriton, startTriton } from '../../../scripts/support/triton.ts'
import { buildRepository } from '../../../src/server/repository/index.ts'

/** Threads of each process that hosts a model for a server. */
function threadsOfModels(server: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
        const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
        return parent === server ? [readdirSync(`/proc/${pid}/task`).length] : []
      } catch {
        return []
      }
    })
}

test.skipIf(!hasTriton)(
  'a model of the Python backend starts no more threads than there are cores',
  async () => {
    await using folder = temporaryFolder()
    const threads: number[] = []
    for (const asked of [1, 400]) {
      const repository = folder.join(`repository-${asked}`)
      await buildRepository({ bundle: 'demo', backend: 'python', output: repository, threads: asked })
      await using server = await startTriton({ repository, models: ['esm2', 'dnabert_s'] })
      const found = threadsOfModels(server.pid)
      expect(found).toHaveLength(2)
      threads.push(Math.max(...found))
    }
    const [one = 0, many = 0] = threads
    expect(many).toBeLessThan(one + navigator.hardwareConcurrency)
  },
)
