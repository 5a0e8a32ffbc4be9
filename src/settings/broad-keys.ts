import type { AnySettingName } from './schema.ts'

/** Keys of Broad's YAML file that mean something here. Source: its config/default_config.yaml and the code that reads it. */
export const broadKeys: Readonly<Record<string, AnySettingName>> = {
  'prediction.batch_size': 'batchSize',
  'prediction.sequences_per_file': 'sequencesPerFile',
  'prediction.models.300': 'model300',
  'prediction.models.500': 'model500',
  'device.fallback_to_cpu': 'fallbackToCpu',
  'features.dnabert.batch_size': 'dnabertRecords',
  'features.esm.toks_per_batch': 'esmBatchSize',
  'features.esm.truncation_seq_length': 'truncationLength',
  'files.auto_cleanup': 'autoCleanup',
}

/** Keys that Broad's file may hold and that have no effect here; most had none there either. `.*` takes all below. */
export const ignoredBroadKeys: readonly string[] = [
  'version',
  'prediction.num_workers',
  'prediction.default_model_type',
  'device.default',
  'features.dnabert.model_name',
  'features.dnabert.trust_remote_code',
  'features.esm.model_name',
  'features.esm.representation_layer',
  'parallelization.*',
  'checkpointing.enabled',
  'checkpointing.keep_history',
  'checkpointing.checkpoint_dir',
  'logging.*',
  'progress.*',
  'validation.*',
  'files.keep_files',
]
