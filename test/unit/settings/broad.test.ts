import { expect, test } from 'bun:test'
import { fromYaml, resolved } from './support.ts'

/** Every key that Broad's file may hold, with values other than the defaults here. */
const BROAD = `
version: "2.0"
prediction:
  default_model_type: "500"
  batch_size: 128
  num_workers: 4
  sequences_per_file: 5000
  models:
    "300": models/300_model.pth
    "500": models/500_model.pth
device:
  default: auto
  fallback_to_cpu: true
features:
  dnabert:
    model_name: some/model
    trust_remote_code: true
    batch_size: 256
  esm:
    model_name: esm2_t36_3B_UR50D
    representation_layer: 36
    truncation_seq_length: 1024
    toks_per_batch: 2048
parallelization: {workers: 2, queue: {depth: 3}}
checkpointing: {enabled: true, checkpoint_dir: .checkpoints, keep_history: true}
logging: {level: INFO, format: "%(message)s"}
progress: {enabled: true}
validation: {max_errors: 3}
files: {auto_cleanup: false, keep_files: []}
`

test("Broad's file is taken: what has a meaning is used, the rest is named once", async () => {
  const { effective, warnings } = await resolved({ files: { 'b.yaml': BROAD }, configFile: 'b.yaml' })
  expect(effective.values).toMatchObject({
    batchSize: 128,
    sequencesPerFile: 5000,
    modelPath: 'models/500_model.pth',
    expectedLength: 500,
    esmBatchSize: 2048,
    // 256 records of 500 bases, each estimated at 500 / 6 + 2 tokens.
    dnabertBatchSize: 256 * 85,
    keepIntermediate: true,
    progress: true,
  })
  expect(effective.origin('modelPath')).toEqual({
    kind: 'file',
    name: 'prediction.models.500',
    file: 'b.yaml',
  })
  expect(warnings).toEqual([
    'b.yaml: keys without effect here: version, prediction.default_model_type, prediction.num_workers, ' +
      'device.default, features.dnabert.model_name, features.dnabert.trust_remote_code, features.esm.model_name, ' +
      'features.esm.representation_layer, parallelization.workers, parallelization.queue.depth, ' +
      'checkpointing.enabled, checkpointing.checkpoint_dir, checkpointing.keep_history, logging.level, ' +
      'logging.format, progress.enabled, validation.max_errors, files.keep_files',
  ])
})

test('the model file follows the model type, and --model-path wins over both', async () => {
  const names = ['modelPath', 'expectedLength', 'dnabertBatchSize'] as const
  expect(await fromYaml(BROAD, [...names], { flags: { modelType: '300' } })).toEqual({
    modelPath: 'models/300_model.pth',
    expectedLength: 300,
    dnabertBatchSize: 256 * 52,
  })
  expect(await fromYaml(BROAD, ['modelPath'], { flags: { modelPath: 'mine.pth' } })).toEqual({
    modelPath: 'mine.pth',
  })
})

test('--dnabert-batch-size counts tokens, whatever the file says in records', async () => {
  expect(await fromYaml(BROAD, ['dnabertBatchSize'], { flags: { dnabertBatchSize: '3072' } })).toEqual({
    dnabertBatchSize: 3072,
  })
})

test('a truncation other than that of the original would change scores and is refused', async () => {
  const yaml = 'features: {esm: {truncation_seq_length: 512}}\n'
  await expect(fromYaml(yaml, [])).rejects.toThrow(
    'virnucpro.config.yaml: features.esm.truncation_seq_length: expected 1024: proteins are cut at 1,024 residues',
  )
})

test('a GPU may be asked for without a server: one may be set up', async () => {
  const yaml = 'device: {fallback_to_cpu: false}\n'
  expect(await fromYaml(yaml, ['gpus'])).toEqual({ gpus: undefined })
  expect(await fromYaml(yaml, ['gpus'], { flags: { device: 'cuda' } })).toEqual({ gpus: [0] })
})

test('the same setting under both names must agree', async () => {
  const yaml = (value: number) => `batch_size: 64\nprediction: {batch_size: ${value}}\n`
  expect(await fromYaml(yaml(64), ['batchSize'])).toEqual({ batchSize: 64 })
  await expect(fromYaml(yaml(32), [])).rejects.toThrow(
    'batch_size and prediction.batch_size are the same setting',
  )
})
