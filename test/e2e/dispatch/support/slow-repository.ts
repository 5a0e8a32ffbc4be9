import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { versionFolder } from '../../../../scripts/support/triton.ts'

/** Copies a repository of the Python backend to where its models take `ms` longer for each batch. */
export async function slowRepository(repository: string, path: string, ms: number): Promise<string> {
  await cp(repository, path, { recursive: true })
  for (const model of ['esm2', 'dnabert_s']) {
    const file = join(versionFolder(path, model), 'model.py')
    const text = await readFile(file, 'utf8')
    const slowed = text.replace(
      'def respond(self, request):',
      `def respond(self, request):\n        import time; time.sleep(${ms / 1000})`,
    )
    if (slowed === text) throw new Error(`${file}: nothing to slow down`)
    await writeFile(file, slowed)
  }
  return path
}

/** Reads with open frames, from a fixed seed. */
export function openReads(count: number): string {
  let state = 99
  const next = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % below
  }
  const dna = (length: number) => Array.from({ length }, () => 'ACGC'[next(4)]).join('')
  return Array.from({ length: count }, (_, i) => `>r${i}\n${dna(90 + next(200))}\n`).join('')
}

/** Waits until a run has computed some batches, as its log tells. */
export async function someBatches(log: string, count = 4): Promise<void> {
  const done = async () => (await readFile(log, 'utf8').catch(() => '')).match(/computed esm2/g)?.length ?? 0
  while ((await done()) < count) await Bun.sleep(20)
}
