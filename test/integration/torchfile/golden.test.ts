// Files of whole runs: rewriting each gives the same bytes, and models read the same from every layout.
import { expect, test } from 'bun:test'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
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
} from '../../../src/torchfile/index.ts'
import { byName, oldRuns, referenceRuns } from '../../support/reference.ts'

const decoders = { dnabert: decodeDnabert, esm: decodeEsm, merged: decodeMerged }
const encoders = { dnabert: encodeDnabertFile, esm: encodeEsmFile, merged: encodeMergedFile }

const folders = [
  ...referenceRuns.map(({ output }) => output),
  ...oldRuns.flatMap(({ vanilla, broad }) => [vanilla, broad]),
]
const features = folders.map((folder) =>
  [...new Bun.Glob('**/output_*.pt').scanSync(folder)].sort().map((name) => join(folder, name)),
)

test('there are feature files of all kinds to compare', () => {
  for (const names of features) expect(names.length).toBeGreaterThanOrEqual(3)
  expect(features.flat().length).toBeGreaterThanOrEqual(27)
})

test.each(features.flat())('rewriting %s gives the same bytes', async (name) => {
  const want = await readFile(name)
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

test.each(byName(oldRuns))(
  'ESM-2 vectors have the known values: %s',
  async (_, { vanilla, stem, shortest }) => {
    const { ids, rows, dim } = await decodeEsm(
      await readTorchFile(`${vanilla}/${stem}_protein/output_1_ESM.pt`),
    )
    expect(dim).toBe(2560)
    expect(ids.length).toBe(4)
    // The original sorts by length.
    expect(ids[0]).toBe(shortest.id)
    expect([...rows.subarray(0, 5)]).toEqual(shortest.start.map(Math.fround))
    const norm = Math.sqrt(rows.subarray(0, dim).reduce((sum, value) => sum + value * value, 0))
    expect(norm).toBeCloseTo(shortest.norm, 5)
  },
)

test.each(byName(oldRuns))(
  'a merged row is the DNABERT-S row followed by the ESM-2 row: %s',
  async (_, { broad, stem }) => {
    const folder = (part: string) => `${broad}/${stem}_${part}`
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
  },
)

test.each(byName(referenceRuns))(
  'the same model reads the same from .bin and .safetensors: %s',
  async (_, run) => {
    const folder = run.models.dnabert
    const file = await openTorchFile(`${folder}/pytorch_model.bin`)
    const torch = weightSourceFromStateDict(file, file.root)
    const tensors = await openSafetensors(`${folder}/model.safetensors`)
    expect(torch.names().length).toBeGreaterThan(25)
    expect(torch.names().sort()).toEqual(tensors.names().sort())
    for (const name of torch.names()) {
      expect(torch.get(name)).toMatchObject({
        shape: tensors.get(name)!.shape,
        dtype: tensors.get(name)!.dtype,
      })
      expect(await torch.read(name)).toEqual(await tensors.read(name))
    }
    await Promise.all([torch.close(), tensors.close()])
  },
)

test.each(byName(referenceRuns))(
  "fair-esm's checkpoint keeps settings and half-precision weights: %s",
  async (_, { models }) => {
    const config: { num_hidden_layers: number; hidden_size: number } = await Bun.file(
      join(models.esmFolder, 'config.json'),
    ).json()
    const file = await readTorchFile(models.esm)
    const root = file.root as Map<string, Map<string, PickleObject>>
    const settings = root.get('cfg')!.get('model')!
    const { num_hidden_layers: layers, hidden_size: width } = config
    expect([settings.get('encoder_layers'), settings.get('encoder_embed_dim')]).toEqual([layers, width])
    const weights = weightSourceFromStateDict(file, root.get('model') as never)
    const name = 'encoder.sentence_encoder.embed_tokens.weight'
    expect(weights.get(name)).toMatchObject({ dtype: 'F16', shape: [33, width] })
    // transformers' file holds the same numbers in single precision.
    const hub = await openSafetensors(join(models.esmFolder, 'model.safetensors'))
    expect(await weights.readF32(name)).toEqual(await hub.readF32('esm.embeddings.word_embeddings.weight'))
    await hub.close()
  },
)
