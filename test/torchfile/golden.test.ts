// Files of real runs: rewriting each gives the same bytes, and models read the same from every layout.
import { expect, test } from 'bun:test'
import { readFile } from 'node:fs/promises'
import {
  archiveNameOf,
  decodeDnabert,
  decodeEsm,
  decodeMerged,
  encodeDnabertFile,
  encodeEsmFile,
  encodeMergedFile,
  featureKind,
  openSafetensors,
  openTorchFile,
  type PickleObject,
  readTorchFile,
  weightSourceFromStateDict,
} from '../../src/torchfile/index.ts'
import { hasShared, shared } from '../support/shared.ts'

const decoders = { dnabert: decodeDnabert, esm: decodeEsm, merged: decodeMerged }
const encoders = { dnabert: encodeDnabertFile, esm: encodeEsmFile, merged: encodeMergedFile }

const features = hasShared ? [...new Bun.Glob('**/output_*.pt').scanSync(shared('golden'))].sort() : []

test.skipIf(!hasShared)('there are feature files of all kinds to compare', () => {
  expect(features.length).toBeGreaterThanOrEqual(27)
})

test.skipIf(!hasShared).each(features)('rewriting %s gives the same bytes', async (name) => {
  const want = await readFile(shared('golden', name))
  const file = await readTorchFile(want, { name })
  const kind = featureKind(file)!
  const table = await decoders[kind](file)
  const archiveName = archiveNameOf(name)
  expect(file.archiveName).toBe(archiveName)
  const computed = await encoders[kind](table, { archiveName })
  expect(Buffer.from(computed).equals(want)).toBe(true)
  const serializationId = (await file.readSerializationId())!
  const given = await encoders[kind](table, { archiveName, serializationId })
  expect(Buffer.from(given).equals(want)).toBe(true)
})

test.skipIf(!hasShared)('real ESM-2 3B vectors have the known values', async () => {
  const path = shared('golden/with_orfs/vanilla/test_with_orfs_protein/output_1_ESM.pt')
  const { ids, rows, dim } = await decodeEsm(await readTorchFile(path))
  expect(dim).toBe(2560)
  expect(ids.length).toBe(4)
  // Length-sorted order of the original: sequence 2 frame R2 is the shortest.
  expect(ids[0]).toEndWith('R2')
  const known = [0.00875998288, -0.0205959175, -0.00961508509, -0.0852175429, -0.0254933275]
  expect([...rows.subarray(0, 5)]).toEqual(known.map(Math.fround))
  const norm = Math.sqrt(rows.subarray(0, dim).reduce((sum, value) => sum + value * value, 0))
  expect(norm).toBeCloseTo(13.813203, 5)
})

test.skipIf(!hasShared)('a merged row is the DNABERT-S row followed by the ESM-2 row', async () => {
  const folder = (part: string) => shared(`golden/with_orfs/broad-v1/test_with_orfs_${part}`)
  const dna = await decodeDnabert(await readTorchFile(`${folder('nucleotide')}/output_1_DNABERT_S.pt`))
  const esm = await decodeEsm(await readTorchFile(`${folder('protein')}/output_1_ESM.pt`))
  const merged = await decodeMerged(await readTorchFile(`${folder('merged')}/output_1_merged.pt`))
  expect(merged.dim).toBe(3328)
  for (const [i, id] of merged.ids.entries()) {
    const j = dna.ids.indexOf(id)
    const k = esm.ids.indexOf(id)
    const joined = [
      ...dna.rows.subarray(j * 768, (j + 1) * 768),
      ...esm.rows.subarray(k * 2560, (k + 1) * 2560),
    ]
    expect([...merged.rows.subarray(i * 3328, (i + 1) * 3328)]).toEqual(joined)
  }
})

test.skipIf(!hasShared)('the same model reads the same from .bin and .safetensors', async () => {
  const folder = shared('golden/tiny_a/models/dnabert_s_tiny_h4')
  const file = await openTorchFile(`${folder}/pytorch_model.bin`)
  const torch = weightSourceFromStateDict(file, file.root)
  const tensors = await openSafetensors(`${folder}/model.safetensors`)
  expect(torch.names().length).toBe(39)
  expect(torch.names().sort()).toEqual(tensors.names().sort())
  for (const name of torch.names()) {
    expect(torch.get(name)).toMatchObject({
      shape: tensors.get(name)!.shape,
      dtype: tensors.get(name)!.dtype,
    })
    expect(await torch.read(name)).toEqual(await tensors.read(name))
  }
  await Promise.all([torch.close(), tensors.close()])
})

test.skipIf(!hasShared)("fair-esm's checkpoint keeps settings and half-precision weights", async () => {
  const file = await readTorchFile(shared('golden/tiny_a/models/esm2_t3_tiny.pt'))
  const root = file.root as Map<string, Map<string, PickleObject>>
  const settings = root.get('cfg')!.get('model')!
  expect([settings.get('encoder_layers'), settings.get('encoder_embed_dim')]).toEqual([3, 64])
  const weights = weightSourceFromStateDict(file, root.get('model') as never)
  const name = 'encoder.sentence_encoder.embed_tokens.weight'
  expect(weights.get(name)).toMatchObject({ dtype: 'F16', shape: [33, 64] })
  const values = await weights.readF32(name)
  expect(values.length).toBe(33 * 64)
  expect(values.every((value) => Math.abs(value) < 10)).toBe(true)
})
