import { type ModelName, PRECISIONS, type Precision } from '../../bundle/index.ts'
import type { GraphOptions } from '../graphs/common.ts'
import { bf16 } from './bf16.ts'
import type { Quantizer } from './calibration.ts'
import { fp8 } from './fp8.ts'
import { fp16 } from './fp16.ts'
import { int8 } from './int8.ts'

export const QUANTIZERS: Readonly<Record<Precision, Quantizer>> = { fp32: {}, int8, bf16, fp16, fp8 }

/** What a graph is written with, where calibration adds nothing. */
export function graphOptions(precision: Precision, model: ModelName, isFused: boolean): GraphOptions {
  return (
    QUANTIZERS[precision].graph?.(model, isFused) ?? {
      precision: PRECISIONS[precision].graph,
      ...(isFused && { form: { attention: 'fused' } }),
    }
  )
}
