import { ModelError } from '../../bundle/errors.ts'
import { roundToHalf } from '../../onnx/index.ts'
import { areFinite } from '../../system/finite.ts'
import { FP16_END } from '../graphs/tensors.ts'
import { isLargest, placeOf } from '../graphs/watch.ts'
import type { LoadedModel, OpenedEsm2 } from '../load.ts'
import { type BothAccuracy, embedDna, measureBoth, type Rounded } from './accuracy.ts'
import type { CalibrationContext } from './context.ts'
import { type FollowOptions, followTwice } from './follow.ts'
import { type CalibrationOrfs, readOrfs } from './orfs.ts'
import { checkFinite, type Outputs } from './states.ts'

/** Some twenty frames: magnitudes inside a model differ little from one to the next. */
const RESIDUES = { calibration: 2048, heldOut: 1024 }

/** What is seen must be at most this share of it: other sequences may have larger numbers. */
const MOST_SHARE = 0.5

/** What FP16 costs, and what its range must hold. */
export interface Fp16Model {
  readonly input: CalibrationOrfs['input']
  readonly accuracy: BothAccuracy
  /** Largest magnitude inside the two models: of products, what goes into them, scores of attention, and sums between layers. */
  readonly largest: number
}

/**
 * Follows frames through both models in FP32, to see that all numbers inside fit FP16, and once more in FP16, to tell what it
 * costs. Nothing is calibrated, so that all frames tell of the accuracy.
 *
 * ONNX Runtime computes FP16 on a CPU in FP32 and rounds results, though not each of them.
 *
 * @param dnabert path of DNABERT-S
 * @param sequences FASTA file of nucleotides
 * @throws CalibrationError when it has too few open frames; ModelError when a model gives NaN or infinity, or numbers too large
 */
export async function measureFp16(
  esm2: OpenedEsm2,
  { dnabert, mlp }: { dnabert: string; mlp: LoadedModel<unknown> },
  sequences: string,
  context: CalibrationContext,
): Promise<Fp16Model> {
  const orfs = await readOrfs(sequences, context.signal, 'FP16', RESIDUES)
  const frames = [...orfs.calibration, ...orfs.heldOut]
  context.onProgress?.(
    `trying FP16 with ${frames.length} open reading frames of ${orfs.input.name}: do all numbers fit, and what does it cost`,
  )
  const magnitudes = { dnabert_s: new Magnitudes('DNABERT-S'), esm2: new Magnitudes('ESM-2') }
  const found = {
    dnabert_s: await compareDnabert(dnabert, frames, magnitudes.dnabert_s, context),
    esm2: await compareEsm2(esm2, frames, magnitudes.esm2, context),
  }
  const largest = Math.max(...Object.values(magnitudes).map((each) => each.largest))
  context.onProgress?.(
    `largest number inside the models ${rounded(largest)}, of ${rounded(FP16_END)} that FP16 has`,
  )
  const accuracy = await measureBoth(found, frames.length, 'FP16', { ...context, mlp }, 'frames')
  return { input: orfs.input, accuracy, largest }
}

async function compareEsm2(
  esm2: OpenedEsm2,
  frames: CalibrationOrfs['heldOut'],
  magnitudes: Magnitudes,
  context: CalibrationContext,
): Promise<Rounded> {
  const how: FollowOptions = {
    asStored: roundToHalf,
    rounded: { precision: 'fp16' },
    watch: 'magnitudes',
    onOutputs: (outputs) => magnitudes.add(outputs),
    onLayer: () => magnitudes.check(),
    done: 'tried',
  }
  const found = await followTwice(esm2, frames, how, context)
  magnitudes.check()
  checkHalf(found.rounded, 'ESM-2')
  return found
}

async function compareDnabert(
  path: string,
  frames: CalibrationOrfs['heldOut'],
  magnitudes: Magnitudes,
  context: CalibrationContext,
): Promise<Rounded> {
  context.onProgress?.('dnabert_s: comparing FP16 with FP32')
  const exact = await embedDna(frames, path, { watch: 'magnitudes' }, context, (outputs) => {
    magnitudes.add(outputs)
  })
  magnitudes.check()
  const found = { exact, rounded: await embedDna(frames, path, { precision: 'fp16' }, context) }
  checkHalf(found.rounded, 'DNABERT-S')
  return found
}

/** What FP32 has no trouble with. */
function checkHalf(embeddings: Float32Array, model: string): void {
  if (areFinite(embeddings)) return
  throw new ModelError(
    `${model} gives NaN or infinity in FP16, though not in FP32. Import the models with --precision bf16.`,
  )
}

/** The largest magnitude among the numbers of a model, and where it was seen. */
class Magnitudes {
  private readonly model: string
  private where = ''
  largest = 0

  constructor(model: string) {
    this.model = model
  }

  /**
   * @param outputs of a graph with `watch: 'magnitudes'`
   * @throws ModelError when there is NaN or infinity
   */
  add(outputs: Outputs): void {
    for (const [name, values] of Object.entries(outputs)) {
      if (!isLargest(name)) continue
      const where = placeOf(name)
      checkFinite(values, where, this.model)
      const [magnitude = 0] = values
      if (magnitude <= this.largest) continue
      this.largest = magnitude
      this.where = where
    }
  }

  /** @throws ModelError when FP16 leaves too little room */
  check(): void {
    if (this.largest <= MOST_SHARE * FP16_END) return
    const room = this.largest > FP16_END ? '' : ', and other sequences may need twice as much room'
    throw new ModelError(
      `numbers inside ${this.model} reach ${rounded(this.largest)} (${this.where}); FP16 ends at ${rounded(FP16_END)}${room}. ` +
        'Import the models with --precision bf16.',
    )
  }
}

function rounded(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 0 })
}
