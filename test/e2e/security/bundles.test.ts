// Bundles from elsewhere: they may name no other file of this machine, and run nothing.
import { afterAll, expect, test } from 'bun:test'
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { type Manifest, resolveBundle } from '../../../src/bundle/index.ts'
import { ExitCode } from '../../../src/exit-codes.ts'
import { type ModelProto, ModelProtoSchema } from '../../../src/onnx/onnx_pb.ts'
import { resealBundle } from '../../support/bundle.ts'
import { virnucpro } from '../../support/cli.ts'

const folder = temporaryFolder()
const input = folder.join('in.fa')
writeFileSync(input, `>a\n${'ACGC'.repeat(60)}\n`)
// What a graph may want to read: its content would even do.
cpSync(join(resolveBundle('demo'), 'esm2/weights.bin'), folder.join('secret.bin'))
afterAll(() => folder[Symbol.asyncDispose]())

let bundles = 0

/** A bundle whose manifest agrees with its files. */
function hostile(change: { graph?(model: ModelProto): void; manifest?(manifest: Manifest): void }): string {
  const bundle = folder.join(`bundle${bundles++}`)
  cpSync(resolveBundle('demo'), bundle, { recursive: true })
  const path = join(bundle, 'esm2/model.onnx')
  const model = fromBinary(ModelProtoSchema, readFileSync(path))
  change.graph?.(model)
  writeFileSync(path, toBinary(ModelProtoSchema, model))
  resealBundle(bundle, change.manifest)
  return bundle
}

async function predict(bundle: string) {
  const output = folder.join(`out${bundles}`)
  const words = ['predict', input, '--output-dir', output, '--bundle', bundle, '--backend', 'onnx']
  const result = await virnucpro([...words, '--no-progress'], folder.path)
  return { ...result, hasTable: existsSync(join(output, 'in_merged/prediction_results.txt')) }
}

const atPlace = (location: string) => ({
  graph: (model: ModelProto) => {
    for (const { externalData } of model.graph?.initializer ?? [])
      for (const entry of externalData) if (entry.key === 'location') entry.value = location
  },
})

test('a graph takes its weights from the bundle and from nowhere else', async () => {
  const own = await predict(hostile({}))
  expect({ code: own.code, hasTable: own.hasTable }).toEqual({ code: 0, hasTable: true })
  for (const place of [
    '../../secret.bin',
    folder.join('secret.bin'),
    '/dev/zero',
    '../dnabert_s/weights.bin',
  ]) {
    const { code, stderr, hasTable } = await predict(hostile(atPlace(place)))
    expect(stderr).toContain('cannot load the graph')
    expect({ place, code, hasTable }).toEqual({ place, code: ExitCode.badData, hasTable: false })
  }
})

test('a manifest names no file outside of its bundle', async () => {
  for (const path of [
    '../secret.bin',
    folder.join('secret.bin'),
    'esm2/../../secret.bin',
    '..\\secret.bin',
  ]) {
    const bundle = hostile({
      manifest: ({ models }) => {
        models.esm2.weights.path = path
      },
    })
    const { code, stderr } = await predict(bundle)
    expect(stderr).toContain('expected FOLDER/FILE inside the bundle')
    expect({ path, code }).toEqual({ path, code: ExitCode.badData })
  }
})

test('a graph has no operators but those of ONNX Runtime', async () => {
  const bundle = hostile({
    graph: (model) => {
      const node = model.graph?.node[0]
      if (node !== undefined) Object.assign(node, { domain: 'com.example', opType: 'RunProgram' })
      model.opsetImport.push({ ...model.opsetImport[0]!, domain: 'com.example', version: 1n })
    },
  })
  const { code, stderr, hasTable } = await predict(bundle)
  expect(stderr).toContain('RunProgram')
  expect({ code, hasTable }).toEqual({ code: ExitCode.badData, hasTable: false })
})
