import type { GraphPrecision } from '../../bundle/index.ts'

/**
 * How a graph is written down where ONNX leaves a choice. Every form computes the same function up to rounding; they
 * differ in which kernels a runtime makes of them, so each default was chosen by measuring (`bench/gpu/sweep.py`). Each
 * value is in some bundle; those that lost are in docs/adr.
 */
export interface GraphForm {
  /** GELU by its definition with Erf, which ONNX Runtime knows, or as the operator Gelu. */
  readonly gelu: 'erf' | 'operator'
  /** Attention as products and a softmax, or as one operator that only TensorRT with our plugin knows. */
  readonly attention: 'products' | 'fused'
  /**
   * A layer as operators, or as one of our own where all of its products are in FP8: with fused attention alone, and only
   * TensorRT with our plugin knows it.
   */
  readonly layer: 'operators' | 'fused'
  /** Products that make queries, keys and values: one each, one for queries and keys, or one for all. */
  readonly projection: 'separate' | 'query-key' | 'joined'
  /** cos and sin of rotary embeddings: from positions as the graph runs, or rows of a table. */
  readonly angles: 'computed' | 'table'
  /** Axes of what is rotated: [B,heads,T,size], or [B,T,heads,size] as the products give it. */
  readonly rotateIn: 'heads' | 'tokens'
  /**
   * Rotation as x cos + turn(x) sin with turn(a,b) = (-b,a), or as ONNX Runtime's own operator, which takes computed angles
   * and rotates in heads.
   */
  readonly rotation: 'turned' | 'runtime'
  /** The two products into a gated feed-forward layer: one each, or one. */
  readonly gate: 'separate' | 'joined'
}

const BASE: GraphForm = {
  gelu: 'erf',
  attention: 'products',
  layer: 'operators',
  projection: 'separate',
  angles: 'computed',
  rotateIn: 'heads',
  rotation: 'turned',
  gate: 'separate',
}

// On one H200 with TensorRT 10.6: 1.7 % over the base form for ESM-2 3B, 7.7 % for DNABERT-S (joined gate).
const FOR_TENSORRT: GraphForm = {
  ...BASE,
  gelu: 'operator',
  angles: 'table',
  rotateIn: 'tokens',
  gate: 'joined',
}

/** What each precision uses by default: FP32 is for ONNX Runtime, the others for TensorRT. */
export const defaultForms: Record<GraphPrecision, GraphForm> = {
  fp32: BASE,
  bf16: FOR_TENSORRT,
  fp16: FOR_TENSORRT,
}

/** What a graph with products in INT8, which is ONNX Runtime's alone, has instead: 3 % with the 8M model. */
export const int8Form: Partial<GraphForm> = { rotation: 'runtime' }

/** What a graph with products in FP8 has instead: 4 % over the form of BF16 with 4 layers of ESM-2 3B. */
export const fp8Form: Partial<GraphForm> = { projection: 'query-key' }

/** The same with operators of our own: attention, which takes what one product gives, and layers that are all in FP8. */
export const fusedFp8Form: Partial<GraphForm> = { attention: 'fused', projection: 'joined', layer: 'fused' }
