import type { MetricsSample, ModelMetrics } from './metrics.ts'

export type MonitoredModel = keyof MetricsSample['models']
export const MODELS = ['dnabert_s', 'esm2'] as const satisfies MonitoredModel[]
export const MODEL_NAMES: Readonly<Record<MonitoredModel, string>> = {
  dnabert_s: 'DNABERT-S',
  esm2: 'ESM-2',
}

/** What a batch came to. */
export interface BatchDone {
  sequences: number
  tokens: number
  paddedTokens: number
}

interface Counts {
  sequences: number
  tokens: number
  paddedTokens: number
  batches: number
  started: number
  ended: number
  planned: number
  plannedTokens: number
  /** Tokens of batches that have ended, computed or given up: what is not left any more. */
  endedTokens: number
}

/** Everything counted while a run goes on. */
export class Work {
  readonly frames = { prepared: 0, done: 0, known: 0 }
  /** Frames whose sequences are in the plans of both models, or need none. */
  framesPlanned = 0
  /** Those of them that no earlier process has finished. */
  framesPlannedAnew = 0
  /** Whether no frame is to come any more. */
  inputRead = false
  readonly #models: Record<MonitoredModel, Counts> = { dnabert_s: zero(), esm2: zero() }

  planned(model: MonitoredModel, batches: number, tokens: number): void {
    const counts = this.#models[model]
    counts.planned += batches
    counts.plannedTokens += tokens
  }

  batchStarted(model: MonitoredModel): void {
    this.#models[model].started++
  }

  /** @param plannedTokens - the batch's share of the plan */
  batchEnded(model: MonitoredModel, plannedTokens: number, done: BatchDone | undefined): void {
    const counts = this.#models[model]
    counts.ended++
    counts.endedTokens += plannedTokens
    if (done === undefined) return
    counts.batches++
    counts.sequences += done.sequences
    counts.tokens += done.tokens
    counts.paddedTokens += done.paddedTokens
  }

  /** Real tokens planned and not yet computed or given up. */
  tokensLeft(model: MonitoredModel): number {
    const { plannedTokens, endedTokens } = this.#models[model]
    return Math.max(0, plannedTokens - endedTokens)
  }

  models(): Record<MonitoredModel, ModelMetrics> {
    const of = (model: MonitoredModel): ModelMetrics => {
      const { sequences, tokens, paddedTokens, batches, started, ended, planned, plannedTokens } =
        this.#models[model]
      return {
        sequences,
        tokens,
        paddedTokens,
        batches,
        inFlight: started - ended,
        waiting: Math.max(0, planned - started),
        plannedTokens,
      }
    }
    return { esm2: of('esm2'), dnabert_s: of('dnabert_s') }
  }
}

function zero(): Counts {
  return {
    sequences: 0,
    tokens: 0,
    paddedTokens: 0,
    batches: 0,
    started: 0,
    ended: 0,
    planned: 0,
    plannedTokens: 0,
    endedTokens: 0,
  }
}
