// Published shapes, and the forms of each graph worth measuring.

import type { DnabertShape } from '../../src/import/graphs/dnabert.ts'
import type { Esm2Shape } from '../../src/import/graphs/esm2.ts'
import type { GraphOptions } from '../../src/import/index.ts'

function esm2(width: number, layers: number, heads: number): Esm2Shape {
  const fixed = { vocabulary: 33, tokenDropout: true, layerNormEps: 1e-5 }
  return { width, layers, heads, hidden: 4 * width, ...fixed }
}

export const esm2Shapes: Record<string, Esm2Shape> = {
  '3B': esm2(2560, 36, 40),
  '650M': esm2(1280, 33, 20),
  '150M': esm2(640, 30, 20),
  '35M': esm2(480, 12, 20),
  '8M': esm2(320, 6, 20),
}

export const dnabertShape: DnabertShape = {
  width: 768,
  layers: 12,
  heads: 12,
  hidden: 3072,
  vocabulary: 4096,
  layerNormEps: 1e-12,
}

const operator = { gelu: 'operator' } as const
const table = { angles: 'table' } as const
const tokens = { rotateIn: 'tokens' } as const
const pair = { projection: 'query-key' } as const
const joined = { projection: 'joined' } as const
const fused = { attention: 'fused' } as const
const fp16 = { precision: 'fp16' } as const

/**
 * Largest magnitudes with the random weights of model.py: products of normalized input, weights of 0.02 times up to 6.
 * fp8.py puts calibrated scales in their place.
 */
const largest = { input: 8, weight: 0.12 }
const fp8 = () => largest
/** Products in FP8 whose names end so. */
const fp8In =
  (...endings: string[]) =>
  (product: string) =>
    endings.some((ending) => product.endsWith(ending)) ? largest : undefined
const fp8Pair = { ...operator, ...table, ...pair, ...tokens }

/** One change each, then those changes together that might add up. */
export const esm2Forms: Record<string, GraphOptions> = {
  base: {},
  table: { form: table },
  gelu: { form: operator },
  tokens: { form: tokens },
  pair: { form: pair },
  joined: { form: joined },
  'gelu-table': { form: { ...operator, ...table } },
  'gelu-table-tokens': { form: { ...operator, ...table, ...tokens } },
  'gelu-table-pair': { form: { ...operator, ...table, ...pair } },
  'gelu-table-pair-tokens': { form: { ...operator, ...table, ...pair, ...tokens } },
  'gelu-table-joined-tokens': { form: { ...operator, ...table, ...joined, ...tokens } },
  'erf-table-tokens': { form: { ...table, ...tokens } },
  'erf-table-pair-tokens': { form: { ...table, ...pair, ...tokens } },
  fused: { form: { ...operator, ...fused } },
  'half-fused': { ...fp16, form: { ...operator, ...fused } },
  'half-gelu-table-tokens': { ...fp16, form: { ...operator, ...table, ...tokens } },
  fp8: { form: table, fp8 },
  'fp8-gelu': { form: { ...operator, ...table }, fp8 },
  'fp8-gelu-tokens': { form: { ...operator, ...table, ...tokens }, fp8 },
  'fp8-gelu-pair-tokens': { form: fp8Pair, fp8 },
  'fp8-fused': { form: { ...operator, ...fused }, fp8 },
  'fp8-layer': { form: { ...operator, ...fused, layer: 'fused' }, fp8 },
  'fp8-gelu-joined-tokens': { form: { ...fp8Pair, ...joined }, fp8 },
  'fp8-erf-pair-tokens': { form: { ...table, ...pair, ...tokens }, fp8 },
  'fp8-feed-forward': { form: fp8Pair, fp8: fp8In('ffn_in', 'ffn_out') },
  'fp8-without-attention-out': { form: fp8Pair, fp8: fp8In('query_key', 'value', 'ffn_in', 'ffn_out') },
}

/** For the smaller models the forms that could win on the largest. */
export const smallEsm2Forms: Record<string, GraphOptions> = Object.fromEntries(
  Object.entries(esm2Forms).filter(([name]) => name === 'base' || /^(gelu-table|fp8|fused|half)/.test(name)),
)

export const dnabertForms: Record<string, GraphOptions> = {
  base: {},
  gelu: { form: operator },
  joined: { form: joined },
  gate: { form: { gate: 'joined' } },
  'gelu-joined': { form: { ...operator, ...joined } },
  'fused-gate': { form: { ...operator, ...fused, gate: 'joined' } },
  'gelu-gate': { form: { ...operator, gate: 'joined' } },
  'half-fused-gate': { ...fp16, form: { ...operator, ...fused, gate: 'joined' } },
  'half-gelu-gate': { ...fp16, form: { ...operator, gate: 'joined' } },
  'gelu-joined-gate': { form: { ...operator, ...joined, gate: 'joined' } },
}
