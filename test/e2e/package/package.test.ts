import { afterAll, beforeAll, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { ExitCode } from '../../../src/exit-codes.ts'
import { repository } from '../../support/cli.ts'
import { EmptyPlace, node, pack, registryOnly } from './support.ts'

const folder = temporaryFolder()
let tarball: string
let place: EmptyPlace
let installed: string

beforeAll(async () => {
  tarball = await pack(folder.join('packed'))
  place = await EmptyPlace.make(folder.join('npm'))
  await place.run('npm', 'install', '--no-audit', '--no-fund', tarball)
  installed = join(place.app, 'node_modules/virnucpro')
}, 300_000)
afterAll(() => folder[Symbol.asyncDispose]())

test('the packed tarball installs into another folder and runs there', async () => {
  expect(await place.run('bun', 'x', 'virnucpro', '--version')).toMatch(/^virnucpro \d/)
  const example = join(installed, 'examples/contigs.fasta')
  await place.run('bun', 'x', 'virnucpro', 'predict', example, '--output-dir', 'out', '--bundle', 'demo')
  const table = await readFile(join(place.app, 'out/contigs_merged/prediction_results.txt'), 'utf8')
  expect(table.split('\n').length).toBeGreaterThan(20)

  const program = `import { chunkBounds } from 'virnucpro/sequence'
    import { openFrames } from 'virnucpro/sequence'
    import { ExitCode } from 'virnucpro'
    import { TritonClient } from 'virnucpro/tritonclient'
    const { url } = new TritonClient('grpc://gpu1')
    console.log(chunkBounds(501, 500).length, openFrames(new TextEncoder().encode('ATGGCT')).length, url, ExitCode.usage)`
  expect(await place.run('bun', '-e', program)).toBe('2 6 grpc://gpu1 64\n')
})

test('the package holds what it runs with, and neither benches nor what only they and tests use', async () => {
  const files = (await readdir(installed, { recursive: true })).filter((name) => name.includes('/'))
  expect(files).toContain('dist/server/engines/python/build_engine.py')
  expect(files).toContain('dist/report/style.css')
  expect(files).toContain('model_repository/python/plan.py')
  // The client is part of it. As a bundled dependency it made npm leave out what both depend on.
  expect(existsSync(join(installed, 'node_modules'))).toBe(false)
  expect(files.filter((name) => name.startsWith('scripts/'))).toEqual(['scripts/test-triton.sh'])
  expect(
    files.filter((name) => /^(.*\/tritonclient-ts\/)?(bench|test|src)\/|__pycache__/.test(name)),
  ).toEqual([])
  expect(existsSync(join(place.app, 'node_modules/mitata'))).toBe(false)
  const bench = Bun.spawn(['bun', 'x', 'virnucpro', 'bench'], {
    cwd: place.app,
    env: place.env,
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
  })
  expect(await new Response(bench.stderr).text()).toContain('get the source code of this version')
  expect(await bench.exited).toBe(ExitCode.unavailable)

  // Every program in it finds what it imports, and every declaration what it names.
  const programs = files.filter(
    (name) => /^dist\/.*\.(js|d\.ts)$/.test(name) && !name.includes('onnxruntime-node/'),
  )
  const missing = await Promise.all(
    programs.map(async (name) => {
      const text = await readFile(join(installed, name), 'utf8')
      const names = Array.from(
        text.matchAll(/(?:from|import\()\s*'(\.{1,2}\/[^'\n]+)'/g),
        ([, path = '']) => path,
      )
      return names
        .map((path) => (name.endsWith('.d.ts') ? path.replace(/\.js$/, '.d.ts') : path))
        .filter((path) => !existsSync(join(installed, name, '..', path)))
        .map((path) => `${name}: ${path}`)
    }),
  )
  expect(missing.flat()).toEqual([])
})

test('a source map leads from a line of JavaScript to the TypeScript that it has inside', async () => {
  const program = join(installed, 'dist/fasta/read.js')
  expect(await readFile(program, 'utf8')).toContain('//# sourceMappingURL=read.js.map')
  const { sources, sourcesContent } = JSON.parse(await readFile(`${program}.map`, 'utf8'))
  expect(sources).toEqual(['virnucpro://src/fasta/read.ts'])
  expect(sourcesContent).toEqual([await readFile(join(repository, 'src/fasta/read.ts'), 'utf8')])
})

// With and without the declarations of a browser.
test.each([
  ['nodenext', 'es2022'],
  ['bundler', 'default'],
])(
  'a strict TypeScript program that checks declarations has no error: %s resolution, %s library',
  async (moduleResolution, lib) => {
    const { exports } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'))
    const subpaths = Object.keys(exports).filter((subpath) => !subpath.endsWith('.json'))
    const lines = subpaths.map((subpath, i) => `export * as m${i} from 'virnucpro${subpath.slice(1)}'\n`)
    await Bun.write(join(place.app, 'all.ts'), lines.join(''))
    const compilerOptions = {
      strict: true,
      skipLibCheck: false,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      noEmit: true,
      target: 'es2022',
      module: moduleResolution === 'bundler' ? 'esnext' : moduleResolution,
      moduleResolution,
      ...(lib !== 'default' && { lib: [lib] }),
      types: ['node'],
    }
    await Bun.write(join(place.app, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['all.ts'] }))
    await place.run(join(repository, 'node_modules/.bin/tsc'), '-p', '.')
  },
)

test('Node says in a sentence what needs Bun', async () => {
  await Bun.write(join(place.app, 'needs.mjs'), "import { predict } from 'virnucpro'\nconsole.log(predict)\n")
  await expect(place.run(node, 'needs.mjs')).rejects.toThrow(/virnucpro needs Bun.*virnucpro\/fasta/)
})

test('no package that it brings runs an install step that needs anything', async () => {
  const manifests = [...new Bun.Glob('**/package.json').scanSync({ cwd: join(place.app, 'node_modules') })]
  const steps = await Promise.all(
    manifests.map(async (path) => {
      const { name, scripts = {} } = await Bun.file(join(place.app, 'node_modules', path)).json()
      return ['preinstall', 'install', 'postinstall'].some((step) => step in scripts) ? [name] : []
    }),
  )
  // It looks at the version ranges of the program that asked for it.
  expect(steps.flat()).toEqual(['protobufjs'])
})

test.each(['npm', 'bun'])(
  'with nothing in reach but the registry, %s installs it and it runs',
  async (manager) => {
    await using proxy = await registryOnly()
    const other = await EmptyPlace.make(folder.join(`registry-${manager}`))
    Object.assign(other.env, proxy.env)
    if (manager === 'npm') await other.run('npm', 'install', tarball)
    else await other.run('bun', 'add', tarball)
    const example = join(other.app, 'node_modules/virnucpro/examples/contigs.fasta')
    const program = join(other.app, 'node_modules/.bin/virnucpro')
    await other.run(program, 'predict', example, '--output-dir', 'out', '--bundle', 'demo')
    expect(existsSync(join(other.app, 'out/contigs_merged/prediction_results.txt'))).toBe(true)
    expect(proxy.refused).toEqual([])
  },
  300_000,
)
