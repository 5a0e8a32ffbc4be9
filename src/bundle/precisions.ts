interface PrecisionFacts {
  readonly label: string
  /** Type of the numbers of a graph outside the products that are quantized. */
  readonly graph: 'fp32' | 'bf16' | 'fp16'
  /** What computes it: ONNX Runtime on a CPU, or TensorRT on a GPU. */
  readonly device: 'cpu' | 'gpu'
  /** Products of eight bits change more digits of an embedding than one run may mix. */
  readonly eightBits?: true
  /** What a model that is quantized may have beside it, to decide what its calls leave open; the usual one first. */
  readonly partners?: readonly PrecisionFacts['graph'][]
  /** An import makes the partner unless it is asked not to. */
  readonly partnered?: true
  /** How many times as long the usual partner takes, for estimates (ADR 6 and 36). */
  readonly partnerTime?: number
  /** First compute capability that has it. */
  readonly computeCapability?: number
  /**
   * Nucleotides that an import needs, to calibrate or to measure with: those of an example where none are named, those of an
   * example or none if so asked, or those of the user.
   */
  readonly calibration?: 'example' | 'optional' | 'required'
}

/** What the language models of a bundle compute in. Everything that treats each precision iterates over this table. */
export const PRECISIONS = {
  fp32: { label: 'FP32', graph: 'fp32', device: 'cpu' },
  int8: {
    label: 'INT8',
    graph: 'fp32',
    device: 'cpu',
    eightBits: true,
    partners: ['fp32'],
    partnerTime: 2,
    calibration: 'example',
  },
  // TensorRT has BF16 from Ampere on.
  bf16: { label: 'BF16', graph: 'bf16', device: 'gpu', computeCapability: 8, calibration: 'optional' },
  fp16: { label: 'FP16', graph: 'fp16', device: 'gpu', calibration: 'optional' },
  // Ada is the first GPU with products in FP8. Everything else is in BF16, and so is DNABERT-S.
  fp8: {
    label: 'FP8',
    graph: 'bf16',
    device: 'gpu',
    eightBits: true,
    partners: ['bf16', 'fp16'],
    partnered: true,
    partnerTime: 1.85,
    computeCapability: 8.9,
    calibration: 'required',
  },
} as const satisfies Readonly<Record<string, PrecisionFacts>>

/** The precision of a bundle, as its manifest calls it. */
export type Precision = keyof typeof PRECISIONS

/** Arithmetic of a graph. Numbers of FP16 have three binary digits more than those of BF16 and end at 65,504. */
export type GraphPrecision = (typeof PRECISIONS)[Precision]['graph']

/** All that a bundle may have. */
export const PRECISION_NAMES = Object.keys(PRECISIONS) as readonly Precision[]

/** The facts of a precision, in their general type. */
export function precisionFacts(precision: Precision): PrecisionFacts {
  return PRECISIONS[precision]
}

/** Whether models of this precision are rechecked: an import makes their partner, and a run uses it. */
export function isRechecked(precision: Precision, asked: 'auto' | 'on' | 'off' = 'auto'): boolean {
  return asked === 'on' || (asked === 'auto' && precisionFacts(precision).partnered === true)
}

/** Precisions with a property, for messages: "bf16, fp16 or fp8". */
export function precisionsWhere(has: (facts: PrecisionFacts) => boolean): Precision[] {
  return PRECISION_NAMES.filter((name) => has(PRECISIONS[name]))
}

/** Whether ONNX Runtime computes a bundle of this precision on a CPU. */
export function computesOnCpu(precision: Precision): boolean {
  return PRECISIONS[precision].device === 'cpu'
}
