import { describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { BundleError, openBundle, verifyBundle } from '../../../src/bundle/index.ts'
import { importModels } from '../../../src/import/index.ts'
import { writeRandomModels } from './support/models.ts'
import { openGraph, temporaryFolder } from './support/run.ts'

const script = (...args: string[]) =>
  Bun.spawnSync([process.execPath, ...args], { cwd: resolve(import.meta.dir, '../../..'), stderr: 'pipe' })

describe('bundles', () => {
  test('appear whole, open, and do not depend on when and where they were made', async () => {
    using folder = temporaryFolder()
    const models = await writeRandomModels(folder.path)
    const said: string[] = []
    const options = { ...models, onProgress: (message: string) => said.push(message) }
    const one = await importModels({ ...options, output: join(folder.path, 'one') })
    const two = await importModels({ ...options, output: join(folder.path, 'deep', 'er', 'two') })
    expect(two.digest).toBe(one.digest)
    expect((await verifyBundle(one.folder)).manifest).toEqual(one.manifest)
    expect(one.manifest.models.esm2).toMatchObject({ width: 24, heads: 3, dimension: 24, maxResidues: 1024 })
    expect(one.manifest.models.mlp).toMatchObject({ input: 48, hidden: 16, classes: ['others', 'virus'] })
    expect(one.manifest.models.esm2.source.files.map(({ name }) => name)).toEqual([
      'model.safetensors',
      'config.json',
    ])
    expect(said.some((message) => message.startsWith('dnabert_s: writing'))).toBe(true)
    expect(readdirSync(folder.path).filter((name) => name.startsWith('.'))).toEqual([])
  })

  test('replace a bundle only when told to, and nothing else ever', async () => {
    using folder = temporaryFolder()
    const models = await writeRandomModels(folder.path)
    const output = join(folder.path, 'bundle')
    mkdirSync(output)
    await importModels({ ...models, output })
    await expect(importModels({ ...models, output })).rejects.toMatchObject({
      code: 'place-taken',
      kind: 'cannotCreate',
    })
    await importModels({ ...models, output, precision: 'bf16', force: true })
    expect((await openBundle(output)).manifest.precision).toBe('bf16')

    const precious = join(folder.path, 'thesis')
    mkdirSync(precious)
    writeFileSync(join(precious, 'chapter1.txt'), 'words')
    await expect(importModels({ ...models, output: precious, force: true })).rejects.toThrow(
      'not overwritten',
    )
    expect(readFileSync(join(precious, 'chapter1.txt'), 'utf8')).toBe('words')
    await expect(importModels({ ...models, output: models.mlp, force: true })).rejects.toThrow('is a file')
  })

  test('are not left half made by a cancelled or a killed import', async () => {
    using folder = temporaryFolder()
    const models = await writeRandomModels(folder.path)
    const output = join(folder.path, 'bundle')
    const before = readdirSync(folder.path)
    const cancel = new AbortController()
    const onProgress = (message: string) => {
      if (message.startsWith('dnabert_s')) cancel.abort()
    }
    await expect(importModels({ ...models, output, onProgress, signal: cancel.signal })).rejects.toThrow()
    expect(readdirSync(folder.path)).toEqual(before)

    const killed = script(
      '-e',
      `const { importModels } = await import('./src/models.ts')
       await importModels({ ...JSON.parse(process.argv[1]), onProgress: (message) => {
         if (message.startsWith('dnabert_s')) process.kill(process.pid, 'SIGKILL') } })`,
      JSON.stringify({ ...models, output }),
    )
    expect(killed.signalCode).toBe('SIGKILL')
    expect(existsSync(output)).toBe(false)
    expect(readdirSync(folder.path)).toHaveLength(before.length + 1)
    await importModels({ ...models, output })
    expect(readdirSync(folder.path).sort()).toEqual([...before, 'bundle'].sort())
  })

  test('are not made of files that change meanwhile', async () => {
    using folder = temporaryFolder()
    const models = await writeRandomModels(folder.path)
    const output = join(folder.path, 'bundle')
    const onProgress = (message: string) => {
      if (message.startsWith('dnabert_s')) writeFileSync(models.mlp, readFileSync(models.mlp))
    }
    await expect(importModels({ ...models, output, onProgress })).rejects.toThrow(
      `${models.mlp} was changed while it was being read`,
    )
    expect(existsSync(output)).toBe(false)
  })

  test('are refused when damaged, and the message says which file', async () => {
    using folder = temporaryFolder()
    const models = await writeRandomModels(folder.path)
    const bundle = await importModels({ ...models, output: join(folder.path, 'bundle') })
    const path = bundle.pathOf(bundle.manifest.models.esm2.weights)
    const weights = readFileSync(path)

    const flipped = Buffer.from(weights)
    flipped[5000]! ^= 1
    writeFileSync(path, flipped)
    await expect(openBundle(bundle.folder)).rejects.toThrow(/esm2\/weights\.bin.*SHA-256/)
    await expect(verifyBundle(bundle.folder)).rejects.toThrow(/esm2\/weights\.bin.*SHA-256/)

    writeFileSync(path, weights.subarray(1))
    await expect(openBundle(bundle.folder)).rejects.toThrow(
      `esm2/weights.bin has ${weights.length - 1} bytes`,
    )
    writeFileSync(path, weights)

    const manifest = join(bundle.folder, 'manifest.json')
    const text = readFileSync(manifest, 'utf8')
    const refusal = async (content: string) => {
      writeFileSync(manifest, content)
      return await openBundle(bundle.folder).then(
        () => undefined,
        (error) => error,
      )
    }
    expect(await refusal(text.replace('"version": 1', '"version": 99'))).toMatchObject({
      message: expect.stringContaining('layout version 99'),
    })
    expect(await refusal(text.replace('esm2/weights.bin', '../../etc/passwd'))).toBeInstanceOf(BundleError)
    expect(await refusal(text.slice(0, 100))).toBeInstanceOf(BundleError)
    for (const odd of ['"precision": "fp8"', '"attention": "fused",\n  "precision": "fp32"']) {
      expect(await refusal(text.replace('"precision": "fp32"', odd))).toMatchObject({
        message: expect.stringContaining('do not belong together'),
      })
    }
    await expect(openBundle(models.esm)).rejects.toMatchObject({ code: 'no-bundle' })
  })
})

describe('the demo bundle', () => {
  test('is what its script makes', () => {
    const made = script('scripts/make-demo-bundle.ts', '--check')
    expect(made.stderr.toString()).toBe('')
    expect(made.exitCode).toBe(0)
  })

  test('opens by name, says what it is, and runs', async () => {
    const bundle = await verifyBundle('demo')
    expect(bundle.manifest.demo).toBe(true)
    const { esm2, dnabert_s, mlp } = bundle.manifest.models
    for (const { graph } of [esm2, dnabert_s, mlp]) await openGraph(bundle.pathOf(graph))
  })
})
