import type { GraphOptions } from '../graphs/common.ts'
import { fp8Form, fusedFp8Form } from '../graphs/form.ts'
import { fp8Scale } from '../graphs/fp8.ts'
import type { LoadedModel, OpenedEsm2 } from '../load.ts'
import { type Accuracy, compareEmbeddings, countEqualCalls, describeDistance, embedDna } from './accuracy.ts'
import { calibrateEsm2, type Esm2Calibration } from './calibrate.ts'
import type { CalibrationContext } from './context.ts'
import { type CalibrationOrfs, readOrfs } from './orfs.ts'

export interface Fp8Options {
  /** FASTA file of nucleotides to calibrate with. */
  readonly calibrate: string
  /** Largest error of a product in FP8, see `ProductCalibration`; one with more stays in BF16. @default 0.1 */
  readonly tolerance?: number | undefined
}

/** An ESM-2 that has been calibrated. */
export interface Fp8Model {
  readonly options: GraphOptions
  readonly accuracy: Accuracy
  /** How many products the graph has, and how many of them stay in BF16. */
  readonly products: { readonly all: number; readonly bf16: number }
  /** Content of calibration.json. */
  readonly record: string
}

export const DEFAULT_TOLERANCE = 0.1

/** Options of a graph in BF16 with products in FP8, and what calibration has found for it. */
export function fp8GraphOptions(
  isFused: boolean,
  found: Pick<GraphOptions, 'fp8' | 'correction'> = {},
): GraphOptions {
  return { precision: 'bf16', form: isFused ? fusedFp8Form : fp8Form, ...found }
}

/**
 * Calibrates ESM-2 and measures what FP8 costs.
 *
 * @param dnabert path of DNABERT-S, which the classifier needs beside ESM-2
 * @param context `folder` is for files that are gone at the end; `isFused`: attention will be our own operator
 */
export async function calibrateFp8(
  esm2: OpenedEsm2,
  { dnabert, mlp }: { dnabert: string; mlp: LoadedModel<unknown> },
  { calibrate, tolerance = DEFAULT_TOLERANCE }: Fp8Options,
  context: CalibrationContext & { readonly isFused: boolean },
): Promise<Fp8Model> {
  const { isFused, onProgress, signal } = context
  const orfs = await readOrfs(calibrate, signal)
  const { calibration, heldOut } = orfs
  onProgress?.(
    `esm2: calibrating FP8 with ${calibration.length} open reading frames, ${heldOut.length} more to check`,
  )
  const { projection } = isFused ? fusedFp8Form : fp8Form
  const found = await calibrateEsm2(esm2, orfs, { ...context, tolerance, projection })
  const dna = await embedDna(heldOut, dnabert, {}, context)
  const pairs = [found.exact, found.simulated].map((esm) => ({ dnabert: dna, esm2: esm }))
  const equalCalls = await countEqualCalls(heldOut.length, [pairs[0]!, pairs[1]!], mlp)
  const accuracy = { ...compareEmbeddings(found.simulated, found.exact, esm2.shape.width), equalCalls }
  const bf16 = [...found.products.keys()].filter((name) => found.fp8(name) === undefined)
  onProgress?.(describe(accuracy, bf16))
  return {
    options: fp8GraphOptions(isFused, { fp8: found.fp8, correction: found.correction }),
    accuracy,
    products: { all: found.products.size, bf16: bf16.length },
    record: recordOf(found, orfs, tolerance, accuracy),
  }
}

function describe(accuracy: Accuracy, bf16: readonly string[]): string {
  const { sequences, equalCalls } = accuracy
  const kept = bf16.length === 0 ? '' : `; ${bf16.length} products stay in BF16: ${bf16.join(', ')}`
  return (
    `esm2: FP8 against FP32 on ${sequences} other frames, simulated: ${describeDistance(accuracy)}, ` +
    `${equalCalls} of ${sequences} calls agree${kept}`
  )
}

function recordOf(
  { products, fp8 }: Esm2Calibration,
  { input, calibration, heldOut }: CalibrationOrfs,
  tolerance: number,
  accuracy: Accuracy,
): string {
  const residues = (frames: CalibrationOrfs['heldOut']) =>
    frames.reduce((sum, { protein }) => sum + protein.length, 0)
  const described = [...products].map(([name, product]) => [
    name,
    {
      inputMax: product.inputMax,
      weightMax: product.weightMax,
      inputScale: fp8Scale(product.fp8.input),
      weightScale: fp8Scale(product.fp8.weight),
      error: product.error,
      precision: fp8(name) === undefined ? 'bf16' : 'fp8',
    },
  ])
  const record = {
    format: 'virnucpro-fp8-calibration',
    version: 1,
    input: {
      ...input,
      calibration: { sequences: calibration.length, residues: residues(calibration) },
      heldOut: { sequences: heldOut.length, residues: residues(heldOut) },
    },
    tolerance,
    accuracy,
    products: Object.fromEntries(described),
  }
  return `${JSON.stringify(record, null, 2)}\n`
}

/** Where the record is, inside a bundle. */
export const CALIBRATION_FILE = 'esm2/calibration.json'
