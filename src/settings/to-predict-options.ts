import { UsageError } from '../system/errors.ts'
import type { PredictOptions } from './predict-options.ts'
import type { Configuration } from './resolve.ts'

/** A setting that `defaults.ts` or `derive.ts` always fills in. */
function filled<Value>(value: Value | undefined, name: string): Value {
  if (value === undefined) throw new Error(`setting ${name} has neither a value nor a default`)
  return value
}

/**
 * The options of a `predict` run.
 * @throws {UsageError} when no input is named.
 */
export function toPredictOptions(configuration: Configuration): PredictOptions {
  const { effective } = configuration
  const { values } = effective
  const isLengthStated = values.modelType !== 'custom' && effective.origin('modelType').kind !== 'default'
  if (values.input === undefined || values.input.length === 0) {
    throw new UsageError('no input: name one or more FASTA or FASTQ files, or - for standard input')
  }
  return {
    inputs: values.input,
    outputDir: values.outputDir,
    prefix: values.prefix,
    bundle: values.bundle,
    mlp: values.modelPath,
    expectedLength: filled(values.expectedLength, 'expectedLength'),
    classifierFor: isLengthStated ? Number(values.modelType) : undefined,
    anyLength: filled(values.anyLength, 'anyLength'),
    sequencesPerFile: filled(values.sequencesPerFile, 'sequencesPerFile'),
    layout: filled(values.layout, 'layout'),
    keepIntermediate: filled(values.keepIntermediate, 'keepIntermediate'),
    resume: filled(values.resume, 'resume'),
    force: filled(values.force, 'force'),
    backend: filled(values.backend, 'backend'),
    triton: filled(values.triton, 'triton'),
    serverTimeout: filled(values.serverTimeout, 'serverTimeout'),
    trustServer: filled(values.trustServer, 'trustServer'),
    tritonAccess: {
      ca: values.tritonCa,
      cert: values.tritonCert,
      key: values.tritonKey,
      header: values.tritonHeader?.reveal(),
    },
    repository: values.repository,
    serverBin: values.serverBin,
    backendDirectory: values.backendDirectory,
    libraryPath: values.libraryPath,
    fallbackToCpu: values.fallbackToCpu === true,
    gpus: values.gpus,
    threads: values.threads,
    esmTokenBudget: values.esmBatchSize,
    dnabertTokenBudget: values.dnabertBatchSize,
    mlpBatchSize: filled(values.batchSize, 'batchSize'),
    onInvalid: filled(values.onInvalid, 'onInvalid'),
    duplicateIds: values.duplicateIds ?? (values.onInvalid === 'skip' ? 'skip' : 'fail'),
    allowEmpty: filled(values.allowEmpty, 'allowEmpty'),
    report: filled(values.report, 'report'),
    metrics: filled(values.metrics, 'metrics'),
    metricsInterval: filled(values.metricsInterval, 'metricsInterval'),
    metricsPort: values.metricsHttpPort,
    tritonMetrics: filled(values.tritonMetrics, 'tritonMetrics'),
    progress: filled(values.progress, 'progress'),
    quiet: filled(values.quiet, 'quiet'),
    verbose: filled(values.verbose, 'verbose'),
    logFile: values.logFile,
  }
}
