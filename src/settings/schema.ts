import * as v from 'valibot'
import { Secret } from '../system/secret.ts'
import {
  boolean,
  device,
  endpoints,
  fileStem,
  gpus,
  header,
  oneOf,
  paths,
  text,
  webAddresses,
  wholeNumber,
} from './values.ts'

/**
 * Every setting that has a flag, an environment variable and a key in the configuration file.
 * Spelled `outputDir` here, `--output-dir`, `VIRNUCPRO_OUTPUT_DIR` and `output_dir` outside.
 */
export const settingsEntries = {
  input: v.optional(paths),
  outputDir: v.optional(text),
  prefix: v.optional(fileStem),
  bundle: v.optional(text),
  modelType: v.optional(oneOf(['300', '500', 'custom'])),
  modelPath: v.optional(text),
  // 0 counts as not given, as in Broad's fork.
  expectedLength: v.optional(wholeNumber(0)),
  anyLength: v.optional(boolean),
  sequencesPerFile: v.optional(wholeNumber(1)),
  layout: v.optional(oneOf(['vanilla', 'broad'])),
  keepIntermediate: v.optional(boolean),
  resume: v.optional(boolean),
  force: v.optional(boolean),
  onInvalid: v.optional(oneOf(['auto', 'skip', 'fail'])),
  allowEmpty: v.optional(boolean),
  duplicateIds: v.optional(oneOf(['fail', 'suffix', 'skip'])),
  backend: v.optional(oneOf(['auto', 'onnx', 'triton'])),
  triton: v.optional(endpoints),
  serverTimeout: v.optional(wholeNumber(1)),
  trustServer: v.optional(boolean),
  repository: v.optional(text),
  serverBin: v.optional(text),
  backendDirectory: v.optional(text),
  libraryPath: v.optional(text),
  tritonCa: v.optional(text),
  tritonCert: v.optional(text),
  tritonKey: v.optional(text),
  tritonHeader: v.optional(header),
  device: v.optional(device),
  gpus: v.optional(gpus),
  threads: v.optional(wholeNumber(1, 4096)),
  tokenBudget: v.optional(wholeNumber(1)),
  esmBatchSize: v.optional(wholeNumber(1)),
  dnabertBatchSize: v.optional(wholeNumber(1)),
  batchSize: v.optional(wholeNumber(1)),
  report: v.optional(boolean),
  metrics: v.optional(boolean),
  metricsInterval: v.optional(wholeNumber(1, 86_400)),
  // Not `metricsPort`: its variable is the one that names the port of a server in triton/compose.yaml.
  metricsHttpPort: v.optional(wholeNumber(1, 65_535)),
  tritonMetrics: v.optional(webAddresses),
  progress: v.optional(boolean),
  quiet: v.optional(boolean),
  verbose: v.optional(boolean),
  logFile: v.optional(text),
}

/** Settings that only Broad's configuration file can give. */
export const fileOnlyEntries = {
  model300: v.optional(text),
  model500: v.optional(text),
  dnabertRecords: v.optional(wholeNumber(1)),
  // Another length would change every score of a long protein, so it is refused and not ignored.
  truncationLength: v.optional(
    v.pipe(
      wholeNumber(1),
      v.value(1024, 'expected 1024: proteins are cut at 1,024 residues, as the original does'),
    ),
  ),
  fallbackToCpu: v.optional(boolean),
  autoCleanup: v.optional(boolean),
}

export const schema = v.strictObject({ ...settingsEntries, ...fileOnlyEntries })

export type Settings = v.InferOutput<typeof schema>
export type SettingName = keyof typeof settingsEntries
export type AnySettingName = keyof Settings

export const settingNames = Object.keys(settingsEntries) as SettingName[]

/** Settings whose values are never shown. They become secrets as soon as they are read. */
const secretSettings: ReadonlySet<string> = new Set<SettingName>(['tritonHeader'])

export function isSecret(name: string): boolean {
  return secretSettings.has(name)
}

/** A value as it was written, hidden where it is a secret. */
export function keptSecret(name: string, value: unknown): unknown {
  return isSecret(name) && typeof value === 'string' ? new Secret(value) : value
}
