import { dirname, join } from 'node:path'
import { esmCppPython, PythonWorker } from '../python.ts'
import type { Spent } from '../result.ts'

export const WAYS = [
  'fair-esm',
  'transformers',
  'transformers bf16',
  'onnxruntime',
  'esm-cpp fp32',
  'esm-cpp',
] as const
export type Way = (typeof WAYS)[number]
export const NAMES: Record<Way, string> = {
  'fair-esm': "fair-esm, FP32, the original's batches",
  transformers: 'transformers, FP32, sorted, padded',
  'transformers bf16': "transformers, BF16 autocast (Broad's)",
  onnxruntime: 'ONNX Runtime from Python, our graph',
  'esm-cpp fp32': 'esm-cpp, FP32, its scheduled batches',
  'esm-cpp': 'esm-cpp, INT8, its scheduled batches',
}
export function isEsmCpp(way: Way): boolean {
  return way.startsWith('esm-cpp')
}

export interface Loading {
  /** A fair-esm file; `proteins.txt` is in the folder above. */
  readonly weights: string
  /** Our graph of it. */
  readonly graph: string
  readonly ways: readonly Way[]
  readonly threads: number
}

/** The other ways, with the model loaded; esm-cpp in a process of its own. */
export class Others implements AsyncDisposable {
  readonly #worker: PythonWorker
  readonly #esmCpp: PythonWorker | undefined

  private constructor(worker: PythonWorker, esmCpp: PythonWorker | undefined) {
    this.#worker = worker
    this.#esmCpp = esmCpp
  }

  static async load(worker: PythonWorker, { weights, graph, ways, threads }: Loading): Promise<Others> {
    const folder = dirname(weights)
    const huggingFace = join(folder, 'model.safetensors')
    let esmCpp: PythonWorker | undefined
    if (ways.some(isEsmCpp)) {
      await worker.ask({ task: 'export', path: weights, output: huggingFace })
      esmCpp = PythonWorker.start(esmCppPython()!, 'baseline/esm_cpp_worker.py', threads)
    }
    const others = new Others(worker, esmCpp)
    for (const way of ways) {
      const path = isEsmCpp(way) ? huggingFace : way === 'onnxruntime' ? graph : weights
      await others.#of(way).ask({ task: 'load', way, path, sequences: join(folder, '..', 'proteins.txt') })
    }
    return others
  }

  #of(way: Way): PythonWorker {
    return isEsmCpp(way) ? this.#esmCpp! : this.#worker
  }

  async run(way: Way): Promise<Spent> {
    return await this.#of(way).ask<Spent>({ task: 'run', way })
  }

  /** What the last run of the way has computed. */
  async embeddings(way: Way, path: string): Promise<Float32Array> {
    await this.#of(way).ask({ task: 'embeddings', way, path })
    return new Float32Array(await Bun.file(path).arrayBuffer())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#esmCpp?.[Symbol.asyncDispose]()
  }
}
