/**
 * Builds what the published package has in place of `src`: JavaScript with source maps, and type declarations of what
 * the subpaths of package.json export. `npm pack` and `npm publish` run it; nothing in a checkout needs it.
 * Usage: bun scripts/build.ts [--types] [FOLDER]   (default dist; with --types the declarations alone)
 */
import {
  constants,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import manifest from '../package.json' with { type: 'json' }
import { NEEDS_BUN, subpathSources } from './support/package.ts'

const root = resolve(import.meta.dir, '..')
const words = process.argv.slice(2)
const typesOnly = words.includes('--types')
const target = resolve(words.find((word) => !word.startsWith('--')) ?? join(root, 'dist'))
const client = 'packages/tritonclient-ts/src'

/** The client of Triton is a package of its own, and a folder of this one. */
const PLACES = [
  ['src', '.'],
  [client, 'tritonclient-ts'],
] as const

const RUNTIME_PLATFORMS = ['linux/x64', 'linux/arm64', 'darwin/arm64', 'win32/x64']

/** A copy of another one, and what only the GPUs of Windows need, under licences of their own: it is loaded when they are used. */
const NOT_NEEDED = /\d+\.\d+\.\d+\.dylib$|\/(DirectML|dxcompiler|dxil)\.dll$/

const stage = await mkdtemp(join(tmpdir(), 'virnucpro-build-'))
const built = `${target}.new`
try {
  await rm(built, { recursive: true, force: true })
  const entries = [...new Set(Object.values(subpathSources))].map((path) => join(root, path))
  await Promise.all([
    compile('types', { files: entries, options: { declaration: true, emitDeclarationOnly: true } }),
    typesOnly ||
      compile('js', {
        include: [join(root, 'src'), join(root, client)],
        options: { sourceMap: true, inlineSources: true },
      }),
  ])
  for (const [from, to] of PLACES) {
    await cp(join(stage, 'types', from), join(built, to), { recursive: true })
    if (typesOnly) continue
    await cp(join(stage, 'js', from), join(built, to), { recursive: true })
    await copyOthers(join(root, from), join(built, to))
  }
  await finish(built)
  await addRuntime(join(built, 'onnxruntime-node'))
  if (!typesOnly) await needsBunUnderNode(built)
  await writeFile(
    join(built, 'package.json'),
    json({
      type: 'module',
      sideEffects: false,
      // Of the checkout's, one is TypeScript in another folder, the other a package of its development.
      imports: {
        '#onnxruntime-node': './onnxruntime-node/dist/index.js',
        '#tritonclient-ts': './tritonclient-ts/index.js',
      },
    }),
  )
  await rm(target, { recursive: true, force: true })
  await rename(built, target)
} finally {
  await rm(stage, { recursive: true, force: true })
  await rm(built, { recursive: true, force: true })
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

/**
 * The binding of ONNX Runtime for the processors of the platforms that Bun and this program run on. As a dependency, its
 * package would run an install step that downloads CUDA libraries, which nothing here uses, from a host that many networks
 * do not let through, and npm would fail with it.
 */
async function addRuntime(folder: string): Promise<void> {
  // Its types ask for those of a browser, and nothing public has one of them.
  await mkdir(join(folder, 'dist'), { recursive: true })
  await writeFile(join(folder, 'dist/index.d.ts'), 'export type InferenceSession = unknown\n')
  if (typesOnly) return
  const from = join(root, 'node_modules/onnxruntime-node')
  const { name, version, license, repository } = JSON.parse(
    await readFile(join(from, 'package.json'), 'utf8'),
  )
  const binaries = 'bin/napi-v6'
  const names = RUNTIME_PLATFORMS.flatMap((platform) => [
    ...new Bun.Glob(`${binaries}/${platform}/*`).scanSync(from),
  ]).filter((path) => !NOT_NEEDED.test(path))
  const scripts = new Bun.Glob('dist/*.js').scanSync(from)
  for (const path of [...names, ...scripts, 'README.md']) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await copyFile(join(from, path), join(folder, path), constants.COPYFILE_FICLONE)
  }
  const licences = join(root, 'packaging/licences')
  await copyFile(join(licences, 'onnxruntime.txt'), join(folder, 'LICENSE'))
  await copyFile(join(licences, 'onnxruntime-third-party.txt'), join(folder, 'ThirdPartyNotices.txt'))
  await writeFile(
    join(folder, 'package.json'),
    json({ name, version, license, repository, type: 'commonjs' }),
  )
}

interface Program {
  include?: string[]
  files?: string[]
  options: Record<string, boolean>
}

async function compile(name: string, { options, ...sources }: Program): Promise<void> {
  const configuration = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      // Bun has `using`, Node 22 does not.
      target: 'es2023',
      noEmit: false,
      rewriteRelativeImportExtensions: true,
      allowImportingTsExtensions: false,
      stripInternal: true,
      rootDir: root,
      outDir: join(stage, name),
      typeRoots: [join(root, 'node_modules/@types')],
      ...options,
    },
    include: [],
    ...sources,
  }
  const path = join(stage, `${name}.json`)
  await writeFile(path, JSON.stringify(configuration))
  const child = Bun.spawn([join(root, 'node_modules/.bin/tsc'), '-p', path], {
    cwd: root,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const said = await new Response(child.stdout).text()
  if ((await child.exited) !== 0) throw new Error(`tsc:\n${said}`)
}

/** What is not TypeScript: Python programs, style sheets, descriptions of messages. */
async function copyOthers(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (!entry.isFile() || /\.ts$|\.pyc$/.test(entry.name)) continue
    const copy = join(to, relative(from, path))
    await mkdir(dirname(copy), { recursive: true })
    await cp(path, copy)
  }
}

/** Import names of declarations, which the compiler leaves as they are, and paths of sources, which were those of the stage. */
async function finish(built: string): Promise<void> {
  for (const name of await readdir(built, { recursive: true })) {
    const path = join(built, name)
    if (name.endsWith('.d.ts')) {
      const text = await readFile(path, 'utf8')
      await writeFile(path, text.replace(/(['"])(\.{1,2}\/[^'"\n]*)\.ts\1/g, '$1$2.js$1'))
    } else if (name.endsWith('.js.map')) {
      const map = JSON.parse(await readFile(path, 'utf8'))
      const inClient = name.startsWith('tritonclient-ts/')
      const source = name.replace(/^tritonclient-ts\//, '').replace(/\.js\.map$/, '.ts')
      map.sources = [`virnucpro://${inClient ? client : 'src'}/${source}`]
      await writeFile(path, JSON.stringify(map))
    }
  }
}

/**
 * What Node loads for a subpath that needs Bun: modules with the same names that say so. Without the names, Node would
 * complain of these before it runs anything.
 */
async function needsBunUnderNode(built: string): Promise<void> {
  const folder = join(built, 'needs-bun')
  await mkdir(folder, { recursive: true })
  const able = Object.keys(manifest.exports).filter(
    (subpath) => !NEEDS_BUN.includes(subpath) && !/json$/.test(subpath),
  )
  const names = able.map((subpath) => subpath.replace('.', 'virnucpro')).join(', ')
  const message = `virnucpro needs Bun, https://bun.sh; under Node there are ${names}, and the package tritonclient-ts`
  await writeFile(join(folder, 'refuse.js'), `throw new Error(${JSON.stringify(message)})\n`)
  for (const subpath of NEEDS_BUN) {
    const source = join(root, subpathSources[subpath]!)
    const exported = Object.keys(await import(source)).sort()
    const lines = ["import './refuse.js'", ...exported.map((name) => `export const ${name} = undefined`)]
    await writeFile(join(folder, `${subpath.replace(/^\.\/?/, '') || 'index'}.js`), `${lines.join('\n')}\n`)
  }
}
