import { MODEL_NAMES, type MonitoredModel } from '../work.ts'
import type { Finding, Rule } from './history.ts'

/** What ONNX Runtime, TensorRT, CUDA, PyTorch and C++ say. */
const OUT_OF_MEMORY =
  /out of memory|failed to allocate|bad_?alloc|cudaMalloc|CUDA_ERROR_OUT_OF_MEMORY|allocation failed|OutOfMemory/i

/** Flags that set the token budget of each model. */
const FLAGS: Readonly<Record<MonitoredModel, string>> = {
  esm2: '--esm-batch-size',
  dnabert_s: '--dnabert-batch-size',
}

/** Once may be bad luck: another program took the memory for a moment. */
const REPEATED = 2

/** Counts batches that a device had no memory for. */
export class OutOfMemory {
  readonly #seen = { esm2: 0, dnabert_s: 0 }

  /** @returns the finding, from the second time on */
  failed(model: MonitoredModel, reason: string, paddedTokens: number): Finding | undefined {
    if (!OUT_OF_MEMORY.test(reason)) return undefined
    this.#seen[model]++
    if (this.#seen[model] < REPEATED) return undefined
    const value = smallerBudget(paddedTokens)
    const message =
      `out of memory: ${MODEL_NAMES[model]} failed on batches of ${paddedTokens} tokens. Start the same command with ` +
      `${FLAGS[model]} ${value} (or --token-budget ${value} for both models), which goes on from what is done`
    return { code: 'out-of-memory', device: MODEL_NAMES[model], message }
  }
}

/** Half, rounded down to a number one would type. */
function smallerBudget(tokens: number): number {
  const half = tokens / 2
  const step = half >= 1024 ? 1024 : half >= 64 ? 64 : 1
  return Math.max(1, Math.floor(half / step) * step)
}

/** Lanes whose memory has run out and that compute batches in pieces since. */
export const inPieces: Rule = (history) =>
  (history.at(-1)?.lanes ?? []).flatMap(({ name, model, memoryTokens }): Finding[] => {
    if (memoryTokens === undefined) return []
    const flag = model === undefined ? '--token-budget' : FLAGS[model]
    const message =
      `out of memory: ${name} computes batches of more than ${memoryTokens} tokens in pieces; ` +
      `${flag} ${memoryTokens} makes such batches from the start`
    return [{ code: 'out-of-memory', device: name, message, told: true }]
  })
