import { type PredictContext, type PredictResult, predict } from '../../../src/predict/index.ts'
import type { PredictOptions } from '../../../src/settings/index.ts'

export interface InProcess {
  result: PredictResult | undefined
  error: Error | undefined
  /** Every message, with its level in front. */
  log: string
}

/** A run in this process, with small parts and batches. */
export async function predictHere(
  input: string,
  outputDir: string,
  overrides: Partial<PredictOptions> = {},
  signal?: AbortSignal,
  context: Partial<PredictContext> = {},
): Promise<InProcess> {
  const lines: string[] = []
  const to = (level: string) => (message: string) => {
    lines.push(`${level}: ${message}`)
  }
  const logger = {
    debug: to('debug'),
    note: to('note'),
    info: to('info'),
    warn: to('warning'),
    error: to('error'),
  }
  const options = {
    inputs: [input],
    outputDir,
    prefix: undefined,
    bundle: 'demo',
    mlp: undefined,
    expectedLength: 300,
    classifierFor: undefined,
    anyLength: false,
    sequencesPerFile: 11,
    layout: 'vanilla',
    keepIntermediate: true,
    resume: false,
    force: false,
    backend: 'auto',
    triton: [],
    tritonAccess: { ca: undefined, cert: undefined, key: undefined, header: undefined },
    tritonMetrics: [],
    fallbackToCpu: false,
    gpus: undefined,
    threads: 1,
    esmTokenBudget: 1024,
    dnabertTokenBudget: 1024,
    mlpBatchSize: 256,
    onInvalid: 'auto',
    allowEmpty: false,
    duplicateIds: 'fail',
    report: true,
    metrics: true,
    metricsInterval: 10,
    progress: false,
    quiet: false,
    verbose: false,
    logFile: undefined,
    ...overrides,
  } as PredictOptions
  let result: PredictResult | undefined
  let error: Error | undefined
  try {
    result = await predict(options, { logger, ...(signal === undefined ? {} : { signal }), ...context })
  } catch (thrown) {
    error = thrown as Error
  }
  return { result, error, log: lines.join('\n') }
}

/** A signal that stops a run once it has written this many parts to the folder. */
export function stopWhen(condition: () => boolean): AbortSignal {
  const controller = new AbortController()
  const timer = setInterval(() => {
    if (!condition()) return
    clearInterval(timer)
    controller.abort(new Error('stopped by the test'))
  }, 1)
  timer.unref()
  return controller.signal
}
