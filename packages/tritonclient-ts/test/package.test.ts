import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { installPackage, packageFiles, run } from './node.ts'

const SOURCE = resolve(import.meta.dir, '../src')
const folder = temporaryFolder()
let installed: string

beforeAll(async () => {
  installed = await installPackage(folder.path)
}, 60_000)
afterAll(() => folder[Symbol.asyncDispose]())

test('the package holds what it needs and nothing else', () => {
  const root = join(installed, 'node_modules/tritonclient-ts')
  const files = packageFiles(installed).map((path) => relative(root, path))
  for (const file of [
    'package.json',
    'README.md',
    'LICENSE',
    'dist/index.js',
    'dist/index.d.ts',
    'proto/service.proto',
  ])
    expect(files).toContain(file)
  expect(
    files.filter(
      (file) =>
        !/^(dist\/.*\.(js|js\.map|d\.ts)|proto\/.*\.proto|package\.json|README\.md|LICENSE)$/.test(file),
    ),
  ).toEqual([])
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  expect(manifest.scripts).toBeUndefined()
  const project = JSON.parse(readFileSync(resolve(SOURCE, '../../../package.json'), 'utf8'))
  for (const [name, range] of Object.entries(manifest.peerDependencies))
    expect(range).toBe(`^${project.dependencies[name]}`)
})

test('the source depends on its two packages and Node only', () => {
  const sources = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  )
  const outside = sources.flatMap((name) => {
    const text = readFileSync(join(SOURCE, name), 'utf8')
    return Array.from(text.matchAll(/from ['"]([^'"]+)['"]/g), (match) => match[1] ?? '').filter((from) =>
      from.startsWith('.')
        ? relative(SOURCE, resolve(SOURCE, name, '..', from)).startsWith('..')
        : !/^(node:|@grpc\/grpc-js(\/build\/src\/stream-decoder\.js)?$|@bufbuild\/protobuf(\/|$))/.test(from),
    )
  })
  expect(outside).toEqual([])
})

test('TypeScript programs see precise types', async () => {
  writeFileSync(
    join(installed, 'program.ts'),
    `import { type InputTensor, TritonClient, TritonError } from 'tritonclient-ts'
const client = new TritonClient({ url: 'grpc://h', retry: false, headers: { a: 'b' } })
const ids: InputTensor = { name: 'a', datatype: 'INT64', shape: [1], data: new BigInt64Array(1) }
// @ts-expect-error an INT64 tensor has no 32-bit elements
const wrong: InputTensor = { name: 'a', datatype: 'INT64', shape: [1], data: new Int32Array(1) }
export async function use(): Promise<number> {
  try {
    const result = await client.infer({ model: 'm', inputs: [ids, wrong] })
    const floats: Float32Array = result.output('x', 'BF16').data
    // @ts-expect-error nor is it text
    const text: string = result.output('x', 'BF16').data
    for (const output of result.outputs) if (output.datatype === 'INT64') return Number(output.data[0] ?? 0n) + text.length
    const { instanceGroup } = await client.modelConfig('m')
    return floats.length + (instanceGroup[0]?.count ?? 0)
  } catch (error) {
    if (error instanceof TritonError && error.code === 'UNAVAILABLE') return 0
    throw error
  }
}
`,
  )
  const options = {
    module: 'nodenext',
    target: 'es2023',
    strict: true,
    noEmit: true,
    types: ['node'],
    lib: ['esnext'],
  }
  const configuration = { compilerOptions: options, files: ['program.ts'] }
  writeFileSync(join(installed, 'tsconfig.json'), JSON.stringify(configuration))
  writeFileSync(join(installed, 'package.json'), '{"type":"module"}')
  await run([resolve(SOURCE, '../../../node_modules/.bin/tsc'), '-p', join(installed, 'tsconfig.json')])
}, 60_000)

test('Node imports it', async () => {
  const program = `import * as triton from 'tritonclient-ts'; console.log(Object.keys(triton).sort().join(' '))`
  writeFileSync(join(installed, 'import.mjs'), program)
  expect((await run(['node', 'import.mjs'], installed)).split(' ')).toContain('TritonClient')
})

test('the generated messages are those of the .proto files', async () => {
  await run(['scripts/generate-triton-protos.sh', '--check'])
}, 60_000)
