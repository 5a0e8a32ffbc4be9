import type { NamedTensor } from './safetensors.ts'

/** Uniform numbers in [0, 1) that are the same on every machine (mulberry32, public domain). */
export function randomSource(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Random weights of the shapes that models have; uniform, for logarithms and cosines differ between machines. */
export class RandomWeights {
  readonly tensors: Record<string, NamedTensor> = {}
  readonly #random: () => number

  constructor(seed: number) {
    this.#random = randomSource(seed)
  }

  /** Uniform around `mean` with the standard deviation `deviation`. */
  tensor(name: string, shape: readonly number[], deviation: number, mean = 0): void {
    const count = shape.reduce((product, size) => product * size, 1)
    const half = deviation * Math.sqrt(3)
    const values = Float32Array.from({ length: count }, () => mean + half * (2 * this.#random() - 1))
    this.tensors[name] = { shape, values }
  }

  /** A linear layer that keeps the scale of its input. */
  linear(name: string, inputs: number, outputs: number, bias = true): void {
    this.tensor(`${name}.weight`, [outputs, inputs], Math.sqrt(1 / inputs))
    if (bias) this.tensor(`${name}.bias`, [outputs], 0.1)
  }

  norm(name: string, width: number): void {
    this.tensor(`${name}.weight`, [width], 0.1, 1)
    this.tensor(`${name}.bias`, [width], 0.1)
  }
}
