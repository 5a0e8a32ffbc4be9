import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import {
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { virnucpro } from '../../support/cli.ts'
import { writeRandomModels } from './support/models.ts'

setDefaultTimeout(60_000)
const folder = temporaryFolder()
const models = await writeRandomModels(folder.path)
afterAll(() => folder[Symbol.asyncDispose]())

function contentOf(root: string): Record<string, string> {
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort()
  const files = names.filter((name) => !statSync(join(root, name)).isDirectory())
  return Object.fromEntries(files.map((name) => [name, readFileSync(join(root, name), 'latin1')]))
}

function importTo(output: string, overrides: Readonly<Record<string, string>> = {}) {
  const { esm, dnabert, mlp } = { ...models, ...overrides }
  return virnucpro([
    'models',
    'import',
    '--esm',
    esm,
    '--dnabert',
    dnabert,
    '--mlp',
    mlp,
    '-o',
    output,
    '--force',
  ])
}

async function refused(command: () => ReturnType<typeof virnucpro>, root: string, ...names: string[]) {
  const before = contentOf(root)
  const { code, stderr } = await command()
  expect({ stderr, isRefused: [64, 65, 73].includes(code) }).toMatchObject({ isRefused: true })
  for (const name of names) expect(stderr).toContain(name)
  expect(contentOf(root)).toEqual(before)
}

test('models import --force replaces a bundle, and no other file', async () => {
  const output = folder.join('bundle')
  expect((await importTo(output)).code).toBe(0)
  expect((await importTo(output)).code).toBe(0)
  writeFileSync(join(output, 'notes.txt'), 'mine')
  // Damage is no obstacle, which is what importing again is for.
  writeFileSync(join(output, 'mlp', 'model.onnx'), 'damaged')
  mkdirSync(join(output, 'esm2', 'old'))
  writeFileSync(join(output, 'esm2', 'old', 'weights.bin'), 'mine')
  await refused(() => importTo(output), folder.path, 'notes.txt', 'esm2/old/weights.bin')
})

test('models import --force keeps the weights that it reads, wherever they lie and whatever they are called', async () => {
  const output = folder.join('with-inputs')
  expect((await importTo(output)).code).toBe(0)
  cpSync(models.mlp, join(output, 'classifier.safetensors'))
  await refused(() => importTo(output, { mlp: join(output, 'classifier.safetensors') }), output, 'classifier')
  renameSync(join(output, 'classifier.safetensors'), folder.join('classifier.safetensors'))
  const graph = join(output, 'mlp', 'model.onnx')
  renameSync(graph, folder.join('graph'))
  linkSync(folder.join('classifier.safetensors'), graph)
  await refused(
    () => importTo(output, { mlp: folder.join('classifier.safetensors') }),
    folder.path,
    'model.onnx',
  )
})

test('folders under temporary names, guessed or planted, are not touched', async () => {
  const output = folder.join('guessed')
  const guesses = ['.guessed.tmp', '.guessed.tmp.old', 'guessed.partial', `.virnucpro-${'0'.repeat(32)}.tmp`]
  for (const name of guesses.slice(0, 3)) {
    mkdirSync(folder.join(name))
    writeFileSync(folder.join(`${name}/mine.txt`), 'mine')
  }
  symlinkSync(models.esm, folder.join(guesses[3] as string))
  const before = Object.fromEntries(guesses.slice(0, 3).map((name) => [name, contentOf(folder.join(name))]))
  expect((await importTo(output)).code).toBe(0)
  expect((await importTo(output)).code).toBe(0)
  for (const [name, content] of Object.entries(before)) expect(contentOf(folder.join(name))).toEqual(content)
  expect(existsSync(models.esm)).toBe(true)
  const left = readdirSync(folder.path).filter((name) => name.startsWith('.virnucpro-'))
  expect(left).toEqual([guesses[3] as string])
})

test('what a killed import leaves, the next one to the same place removes', async () => {
  const output = folder.join('killed')
  const { unfinished } = await killedImport(output)
  expect(existsSync(unfinished)).toBe(true)
  expect((await importTo(folder.join('elsewhere'))).code).toBe(0)
  expect(existsSync(unfinished)).toBe(true)
  expect((await importTo(output)).code).toBe(0)
  expect(existsSync(unfinished)).toBe(false)
})

/** An import that is killed once its unfinished folder is there. */
async function killedImport(output: string): Promise<{ unfinished: string }> {
  const before = new Set(readdirSync(folder.path))
  const { esm, dnabert, mlp } = models
  const program = join(import.meta.dir, '../../../src/cli/main.ts')
  const words = ['models', 'import', '--esm', esm, '--dnabert', dnabert, '--mlp', mlp, '-o', output]
  const child = Bun.spawn([process.execPath, program, ...words], { stderr: 'ignore' })
  for (;;) {
    const name = readdirSync(folder.path).find((each) => /^\.virnucpro-/.test(each) && !before.has(each))
    // Without its marker the folder does not say yet whose it is.
    if (name !== undefined && existsSync(folder.join(name, '.virnucpro-unfinished.json'))) {
      child.kill('SIGKILL')
      await child.exited
      return { unfinished: folder.join(name) }
    }
    if (child.exitCode !== null) throw new Error('the import has ended before it could be killed')
    await Bun.sleep(1)
  }
}

test('repository build --force replaces a repository, and no other file', async () => {
  const output = folder.join('repository')
  const build = (bundle = 'demo') => {
    const words = [
      'repository',
      'build',
      '--bundle',
      bundle,
      '--backend',
      'onnxruntime',
      '-o',
      output,
      '--force',
    ]
    return virnucpro(words)
  }
  expect((await build()).code).toBe(0)
  expect((await build()).code).toBe(0)
  mkdirSync(join(output, 'esm2', '__pycache__'))
  for (const name of ['esm2/notes.txt', 'mine.pbtxt', 'esm2/__pycache__/mine.pyc']) {
    writeFileSync(join(output, name), 'mine')
    await refused(build, output, name)
    renameSync(join(output, name), folder.join('moved'))
  }
  cpSync(folder.join('bundle', 'manifest.json'), join(output, 'manifest.json'))
  await refused(() => build(output), output)
})
