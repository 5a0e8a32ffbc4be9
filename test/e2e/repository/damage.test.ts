import { expect, test } from 'bun:test'
import {
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { randomFasta } from '../../../scripts/support/fasta.ts'
import { writePlans } from '../../../scripts/support/plans.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { openBundle } from '../../../src/bundle/index.ts'
import { buildRepository, verifyRepository } from '../../../src/server/repository/index.ts'
import { sha256 } from '../../../src/system/sha256.ts'
import { virnucpro } from '../../support/cli.ts'

/** Changes one byte of a file; its size and the time of modification stay. */
function flip(path: string, at: number): void {
  const { atime, mtime } = statSync(path)
  const bytes = readFileSync(path)
  bytes[at] = (bytes[at] as number) ^ 1
  writeFileSync(path, bytes)
  utimesSync(path, atime, mtime)
}

/** Plans as `engines build` describes them. */
async function plans(folder: string): Promise<string[]> {
  writePlans(folder, (await openBundle('demo')).digest)
  const paths = ['esm2', 'dnabert_s'].flatMap((model) =>
    ['89', '90'].map((capability) => join(folder, model, `model_sm${capability}.plan`)),
  )
  for (const path of paths) {
    const sidecar = path.replace(/plan$/, 'json')
    const plan = { bytes: statSync(path).size, sha256: sha256(readFileSync(path)) }
    writeFileSync(sidecar, JSON.stringify({ ...JSON.parse(readFileSync(sidecar, 'utf8')), plan }))
  }
  return paths
}

test('a plan with another byte than was built gets into no repository, and engines show names it', async () => {
  await using folder = temporaryFolder()
  const build = { bundle: 'demo', backend: 'tensorrt', plans: folder.join('plans'), force: true } as const
  const paths = await plans(build.plans)
  for (const [i, path] of paths.entries()) {
    flip(path, i)
    const built = buildRepository({ ...build, output: folder.join('repository') })
    await expect(built).rejects.toThrow(`${path} is damaged`)
    const shown = await virnucpro(['engines', 'show', build.plans, '--bundle', 'demo'])
    expect(shown.stdout + shown.stderr).toContain('is not what was built (its SHA-256 differs)')
    expect(shown.code).toBe(1)
    flip(path, i)
  }
  // A link to a plan stands for the plan.
  renameSync(paths[0] as string, folder.join('elsewhere.plan'))
  symlinkSync(folder.join('elsewhere.plan'), paths[0] as string)
  await buildRepository({ ...build, output: folder.join('repository') })
  await verifyRepository(folder.join('repository'))
}, 30_000)

test('a file of a repository that was changed is named before a server starts', async () => {
  await using folder = temporaryFolder()
  const input = folder.join('reads.fa')
  writeFileSync(input, randomFasta(1, 2))
  await plans(folder.join('plans'))
  for (const [backend, more, count] of [
    ['onnxruntime', {}, 5],
    ['tensorrt', { plans: folder.join('plans') }, 5],
  ] as const) {
    const repository = folder.join(backend)
    await buildRepository({ bundle: 'demo', backend, output: repository, placement: 'copy', ...more })
    await verifyRepository(repository)
    const files = readdirSync(repository, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(onnx|plan)$|weights\.bin$|tokenizer\.json$/.test(name))
      .sort()
    expect(files).toHaveLength(count)
    for (const file of files) {
      const path = join(repository, file)
      flip(path, statSync(path).size >> 1)
      await expect(verifyRepository(repository)).rejects.toThrow(`${file} is not what was put there`)
      flip(path, statSync(path).size >> 1)
    }
    const [first = ''] = files
    flip(join(repository, first), 0)
    const served = await virnucpro(['serve', '--repository', repository, '--server-bin', process.execPath])
    const predicted = await virnucpro([
      ...['predict', input, '-o', folder.join('out'), '--bundle', 'demo', '--backend', 'triton'],
      ...['--repository', repository, '--server-bin', process.execPath],
    ])
    for (const { code, stderr } of [served, predicted]) {
      expect(stderr).toContain(`${first} is not what was put there`)
      expect(code).toBe(65)
    }
  }
}, 60_000)

test('a repository of another maker, or of an older version, is not judged', async () => {
  await using folder = temporaryFolder()
  const repository = folder.join('repository')
  await buildRepository({ bundle: 'demo', backend: 'onnxruntime', output: repository, placement: 'copy' })
  const marker = join(repository, 'virnucpro-repository.json')
  const { files, ...old } = JSON.parse(readFileSync(marker, 'utf8'))
  expect(files).toHaveLength(5)
  const [weights] = files.filter(({ path }: { path: string }) => path.endsWith('weights.bin'))
  flip(join(repository, weights.path), 5)
  writeFileSync(marker, JSON.stringify(old))
  await verifyRepository(repository)
  writeFileSync(marker, 'cut')
  await expect(verifyRepository(repository)).rejects.toThrow('is damaged')
})
