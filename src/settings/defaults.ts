import type { Settings } from './schema.ts'

/**
 * Values used when nothing else is said. What is absent here is either derived (`derive.ts`) or left to the
 * pipeline, which knows the machine and the input.
 */
export const defaults = {
  modelType: '500',
  anyLength: false,
  sequencesPerFile: 10_000,
  layout: 'vanilla',
  keepIntermediate: false,
  resume: false,
  force: false,
  onInvalid: 'auto',
  allowEmpty: false,
  backend: 'auto',
  triton: [],
  serverTimeout: 300,
  trustServer: false,
  device: 'auto',
  batchSize: 256,
  report: true,
  metrics: true,
  metricsInterval: 10,
  tritonMetrics: [],
  progress: true,
  quiet: false,
  verbose: false,
} satisfies Settings
