import { afterAll, beforeAll, expect, test } from 'bun:test'
import { existsSync, statSync } from 'node:fs'
import { cp, mkdir, readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { parse } from 'yaml'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { ExitCode } from '../../../src/exit-codes.ts'
import { repository, succeed } from '../../support/cli.ts'
import { addCLibrary, glibcOf, inRoot, machineOf } from './archive.ts'
import { EmptyPlace, node, pack, registryOnly, run } from './support.ts'

const folder = temporaryFolder()
let tarball: string
let place: EmptyPlace
let installed: string

beforeAll(async () => {
  tarball = await pack(folder.join('packed'))
  place = await EmptyPlace.make(folder.join('npm'))
  const client = await pack(folder.join('client'), join(repository, 'packages/tritonclient-ts'))
  await place.run('npm', 'install', '--no-audit', '--no-fund', tarball, client)
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
  // Those for the GPUs of Windows are under other licences.
  expect(files.filter((name) => name.endsWith('.dll')).map((name) => basename(name))).toEqual([
    'onnxruntime.dll',
  ])
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

const PROTEIN = 'MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG'

test('the examples of examples/library-bun are checked and run', async () => {
  await cp(join(repository, 'examples/library-bun'), join(place.app, 'bun'), { recursive: true })
  const example = join(installed, 'examples/contigs.fasta')
  await place.run(join(repository, 'node_modules/.bin/tsc'), '-p', 'bun')
  expect(await place.run('bun', 'bun/predict.ts', example, 'predicted')).toMatch(
    /^1 of 31 chunks are viral: .*contigs_results\n$/,
  )
  expect(await place.run('bun', 'bun/embed.ts', PROTEIN, 'MKV')).toMatch(
    /^protein_1 \d+ [\d.]+\nprotein_2 \d+ [\d.]+\n$/,
  )
  expect((await place.run('bun', 'bun/classify.ts', example)).split('\n').length).toBe(32)
  expect(await place.run('bun', 'bun/open-bundle.ts')).toMatch(
    /^[0-9a-f]{64}\nESM-2 \d+\nDNABERT-S \d+\nclassifier /,
  )
})

test('the examples of examples/library-node are checked and run under Node', async () => {
  await cp(join(repository, 'examples/library-node'), join(place.app, 'node'), { recursive: true })
  await place.run(join(repository, 'node_modules/.bin/tsc'), '-p', 'node')
  const strip = '--experimental-strip-types'
  const frames = await place.run(node, strip, 'node/frames.ts', join(installed, 'examples/contigs.fasta'))
  expect(frames.match(/^>example_1_coding_chunk_1F1\n[A-Z]+$/m)).not.toBeNull()
  expect(frames.match(/^>/gm)).toHaveLength(31)
  expect(await place.run(node, strip, 'node/batches.ts', 'MKV', 'MKV', 'LA')).toBe(
    '2 of 5 tokens: 0 20 15 7 2 0 4 5 2 1\n',
  )
  await expect(place.run(node, strip, 'node/server.ts', '127.0.0.1:1')).rejects.toThrow('UNAVAILABLE')
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

/** `NAME@VERSION` of every package below a folder of packages. */
async function packagesIn(modules: string): Promise<string[]> {
  const manifests = [...new Bun.Glob('**/package.json').scanSync({ cwd: modules })].filter((path) =>
    /(?:^|node_modules\/)(?:@[^/]+\/)?[^/]+\/package\.json$/.test(path),
  )
  const found = await Promise.all(
    manifests.map(async (path) => {
      const { name, version } = await Bun.file(join(modules, path)).json()
      return `${name}@${version}`
    }),
  )
  return [...new Set(found)].sort()
}

/** The bill of materials of the package as it is installed. */
async function billOfMaterials() {
  const bom = JSON.parse(await place.run(join(repository, 'scripts/sbom.sh'), place.app))
  const components: {
    name: string
    version: string
    purl: string
    'bom-ref': string
    components?: { purl: string }[]
  }[] = bom.components
  return {
    bom,
    components,
    names: components.map(({ purl }) => decodeURIComponent(purl.replace('pkg:npm/', ''))),
  }
}

test('the bill of materials has the package, all that it brings and what is part of it', async () => {
  const { bom, components, names } = await billOfMaterials()
  expect(bom).toMatchObject({ bomFormat: 'CycloneDX', specVersion: expect.stringMatching(/^1\.\d$/) })
  expect(names.toSorted()).toEqual(await packagesIn(join(place.app, 'node_modules')))
  // Who depends on whom names nothing that is not in it.
  const refs = [bom.metadata.component, ...components].map((each) => each['bom-ref'])
  expect(new Set(refs).size).toBe(refs.length)
  const dependencies: { ref: string; dependsOn: string[] }[] = bom.dependencies
  for (const { ref, dependsOn = [] } of dependencies)
    expect([ref, ...dependsOn].filter((each) => !refs.includes(each))).toEqual([])
  const { dependencies: direct, devDependencies } = await Bun.file(join(repository, 'package.json')).json()
  for (const [name, version] of Object.entries(direct)) expect(names).toContain(`${name}@${version}`)
  const own = components.find(({ name }) => name === 'virnucpro')
  expect(own?.components?.[0]?.purl).toBe(`pkg:npm/onnxruntime-node@${devDependencies['onnxruntime-node']}`)
})

/** Makes the archive for a processor and unpacks it. @returns the folder that it holds */
async function unpackedArchive(arch: 'x64' | 'arm64', into: string): Promise<string> {
  const { PATH = '', HOME = '' } = process.env
  const words = ['scripts/build-archive.sh', '--arch', arch, '--package', tarball, folder.path]
  const archive = (await run(words, { cwd: repository, env: { PATH, HOME } })).trim()
  expect(Bun.file(archive).size).toBeLessThan(150e6)
  await run(['tar', '-xzf', archive, '-C', into], { cwd: into })
  return basename(archive, '.tar.gz')
}

/** Packages, by their folders, that have no file with their licence. */
async function withoutLicence(modules: string): Promise<string[]> {
  const folders: string[] = []
  for (const path of new Bun.Glob('**/package.json').scanSync(modules)) {
    // Some packages have such files for parts of them, too.
    const { name, version } = await Bun.file(join(modules, path)).json()
    if (name !== undefined && version !== undefined) folders.push(dirname(path))
  }
  expect(folders.length).toBeGreaterThan(10)
  const names = await Promise.all(folders.map((each) => readdir(join(modules, each))))
  return folders.filter((_, i) => !names[i]!.some((name) => /^licen[cs]e/i.test(name)))
}

/** Its programs and libraries. */
async function binariesOf(path: string): Promise<Map<string, Uint8Array>> {
  const names = (await readdir(path, { recursive: true })).filter((name) =>
    /(^|\/)(bun|virnucpro)$|\.so(\.|$)|\.node$|\.dll$|\.dylib$/.test(name),
  )
  const files = names.filter((name) => statSync(join(path, name)).isFile())
  return new Map(
    await Promise.all(files.map(async (name) => [name, await Bun.file(join(path, name)).bytes()] as const)),
  )
}

test.skipIf(process.platform !== 'linux')(
  'the archive runs the example in a root that has nothing but a C library',
  async () => {
    const arch = process.arch as 'x64' | 'arm64'
    const root = folder.join('root')
    await mkdir(root)
    const name = await unpackedArchive(arch, root)
    const enter = await inRoot(root)
    if (enter === undefined)
      console.warn(
        'the kernel lets this user have no namespaces: the archive runs in the root of this machine',
      )
    const home = enter === undefined ? root : ''
    const start = [...(enter ?? []), `${home}/${name}/bin/virnucpro`]
    const env = enter === undefined ? { PATH: '/nowhere', HOME: root } : { HOME: '/' }
    // Without the C library, it says what is missing.
    if (enter !== undefined)
      await expect(
        run([...start, '--version'], { cwd: root, env: { ...env, PATH: process.env.PATH ?? '' } }),
      ).rejects.toThrow('glibc 2.28 or later')
    await addCLibrary(root)
    const example = `${home}/${name}/lib/virnucpro/examples/contigs.fasta`
    const words = ['predict', example, '--output-dir', `${home}/out`, '--bundle', 'demo', '--no-progress']
    await run([...start, ...words], { cwd: root, env: { PATH: process.env.PATH ?? '', ...env } })
    const contigs = join(repository, 'examples/contigs.fasta')
    await succeed('predict', contigs, '--output-dir', folder.join('checkout'), '--bundle', 'demo')
    expect(await readFile(join(root, 'out/contigs_merged/prediction_results.txt'), 'utf8')).toBe(
      await readFile(folder.join('checkout/contigs_merged/prediction_results.txt'), 'utf8'),
    )
    // It promises that it runs with glibc 2.28.
    for (const [file, bytes] of await binariesOf(join(root, name)))
      expect([file, machineOf(bytes), glibcOf(bytes) <= 28]).toEqual([file, arch, true])
    expect(existsSync(join(root, name, 'lib/virnucpro/node_modules/typescript'))).toBe(false)
    expect(await withoutLicence(join(root, name, 'lib/virnucpro/node_modules'))).toEqual([])
    // Its packages are those of the bill of materials; npm may have found a newer one of a range meanwhile.
    const named = (packages: readonly string[]) => packages.map((each) => each.replace(/@[^@]+$/, ''))
    const listed = named((await billOfMaterials()).names)
    const inArchive = named(await packagesIn(join(root, name, 'lib/virnucpro/node_modules')))
    expect(inArchive.filter((each) => !listed.includes(each))).toEqual([])
  },
  300_000,
)

test('the archive for another processor has what that one runs, and nothing else', async () => {
  const other = process.arch === 'x64' ? 'arm64' : 'x64'
  await mkdir(folder.join('other'))
  const name = await unpackedArchive(other, folder.join('other'))
  const binaries = await binariesOf(folder.join('other', name))
  const runtime = `lib/virnucpro/dist/onnxruntime-node/bin/napi-v6/linux/${other}`
  expect([...binaries.keys()].sort()).toEqual([
    'bin/virnucpro',
    'lib/bun',
    ...['libgcc_s.so.1', 'libonnxruntime.so.1', 'libstdc++.so.6', 'onnxruntime_binding.node'].map(
      (file) => `${runtime}/${file}`,
    ),
  ])
  for (const [file, bytes] of binaries) expect([file, machineOf(bytes)]).toEqual([file, other])
  for (const [file, bytes] of binaries) expect([file, glibcOf(bytes) <= 28]).toEqual([file, true])
}, 300_000)

test.skipIf(process.platform !== 'linux')(
  'the commands of the test of the Bioconda recipe pass',
  async () => {
    // Made by the tests before.
    const [recipe, prefix] = [folder.join('recipe'), folder.join('prefix')]
    const url = 'https://example.org/releases'
    await run([join(repository, 'scripts/bioconda-recipe.sh'), url, folder.path, recipe], {
      cwd: folder.path,
    })
    const text = (await readFile(join(recipe, 'meta.yaml'), 'utf8')).replace(/^\{%.*%\}$/gm, '')
    expect(text).not.toContain('@')
    const { test: tests, source } = parse(text.replace(/\{\{.*?\}\}/g, 'VALUE'))
    const digests = source.map(({ sha256 }: { sha256: string }) => sha256)
    expect(digests).toEqual([
      expect.stringMatching(/^[0-9a-f]{64}$/),
      expect.stringMatching(/^[0-9a-f]{64}$/),
    ])
    const [unpacked] = (await readdir(folder.join('root'))).filter((name) => name.startsWith('virnucpro-'))
    const env = { PREFIX: prefix, PATH: `${prefix}/bin:/usr/bin:/bin`, HOME: folder.path }
    await run(['bash', join(recipe, 'build.sh')], { cwd: folder.join('root', unpacked ?? ''), env })
    await mkdir(folder.join('work'))
    expect(tests.commands.length).toBeGreaterThan(3)
    const offline = ['unshare', '--map-root-user', '--net']
    const words = Bun.spawnSync([...offline, 'true']).exitCode === 0 ? offline : []
    for (const command of tests.commands)
      await run([...words, 'sh', '-c', command], { cwd: folder.join('work'), env })
  },
)
