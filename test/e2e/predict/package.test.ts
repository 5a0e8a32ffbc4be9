import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { ExitCode } from '../../../src/exit-codes.ts'
import { repository } from '../../support/cli.ts'

async function run(words: string[], cwd: string, path = process.env.PATH) {
  const env = { ...process.env, PATH: path }
  const child = Bun.spawn(words, { cwd, env, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  if ((await child.exited) !== 0) throw new Error(`${words.join(' ')}:\n${out}${err}`)
  return out
}

test('the packed tarball installs into another folder and runs there', async () => {
  await using folder = temporaryFolder()
  await run(['npm', 'pack', '--ignore-scripts', '--silent', '--pack-destination', folder.path], repository)
  const [tarball] = (await readdir(folder.path)).filter((name) => name.endsWith('.tgz'))
  await Bun.write(folder.join('app/package.json'), '{ "name": "app", "private": true }')
  // Who has bunx has bun on the path; here it is a program of the development dependencies.
  await mkdir(folder.join('bin'))
  await symlink(process.execPath, folder.join('bin/bun'))
  const path = `${folder.join('bin')}:${process.env.PATH}`
  // Only what a user would get: the dependencies of the package, not those of its development.
  // npm holds back install steps of others, or is told to; nothing here needs them.
  const install = [
    'npm',
    'install',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    `${folder.path}/${tarball}`,
  ]
  await run(install, folder.join('app'))
  expect(await run([process.execPath, 'x', 'virnucpro', '--version'], folder.join('app'), path)).toMatch(
    /^virnucpro \d/,
  )

  const example = folder.join('app/node_modules/virnucpro/examples/contigs.fasta')
  const words = ['x', 'virnucpro', 'predict', example, '--output-dir', 'out', '--bundle', 'demo']
  await run([process.execPath, ...words], folder.join('app'), path)
  const table = await readFile(folder.join('app/out/contigs_merged/prediction_results.txt'), 'utf8')
  expect(table.split('\n').length).toBeGreaterThan(20)

  const program = `import { chunkBounds } from 'virnucpro/sequence'
    import { openFrames } from 'virnucpro/sequence'
    import { ExitCode } from 'virnucpro'
    import { TritonClient } from 'virnucpro/tritonclient'
    const { url } = new TritonClient('grpc://gpu1')
    console.log(chunkBounds(501, 500).length, openFrames(new TextEncoder().encode('ATGGCT')).length, url, ExitCode.usage)`
  expect(await run([process.execPath, '-e', program], folder.join('app'))).toBe('2 6 grpc://gpu1 64\n')

  // It has what the program runs with, and neither benches nor what only they and tests use.
  const installed = folder.join('app/node_modules/virnucpro')
  const files = (await readdir(installed, { recursive: true })).filter((name) => name.includes('/'))
  expect(files).toContain('src/server/engines/python/build_engine.py')
  expect(files).toContain('model_repository/python/plan.py')
  // The client is part of it. As a bundled dependency it made npm leave out what both depend on.
  expect(existsSync(join(installed, 'node_modules'))).toBe(false)
  expect(files.filter((name) => name.startsWith('scripts/'))).toEqual(['scripts/test-triton.sh'])
  expect(files.filter((name) => /^(.*\/tritonclient-ts\/)?(bench|test)\/|__pycache__/.test(name))).toEqual([])
  expect(existsSync(folder.join('app/node_modules/mitata'))).toBe(false)
  const bench = Bun.spawn([process.execPath, 'x', 'virnucpro', 'bench'], {
    cwd: folder.join('app'),
    env: { ...process.env, PATH: path },
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
  })
  expect(await new Response(bench.stderr).text()).toContain('get the source code of this version')
  expect(await bench.exited).toBe(ExitCode.unavailable)

  // Every program in it finds what it imports.
  const sources = files.filter((name) => name.endsWith('.ts'))
  const scanner = new Bun.Transpiler({ loader: 'ts' })
  const missing = await Promise.all(
    sources.map(async (name) => {
      const text = await readFile(join(installed, name), 'utf8')
      const imports = scanner.scanImports(text.replace(/^#!.*/, ''))
      const beside = imports.map(({ path }) => path).filter((path) => path.startsWith('.'))
      return beside
        .filter((path) => !existsSync(join(installed, name, '..', path)))
        .map((path) => `${name}: ${path}`)
    }),
  )
  expect(missing.flat()).toEqual([])
})
