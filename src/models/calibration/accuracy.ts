import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Classifier } from '../../classify/index.ts'
import { InferenceError, loadRuntime, openSession, writeModel } from '../../onnx/index.ts'
import type { OpenFrame } from '../../sequence/index.ts'
import { DnaTokenizer } from '../../tokenizers/index.ts'
import type { LoadedDnabert, LoadedModel } from '../load.ts'

/** How near a bundle's embeddings of ESM-2 are to those of the FP32 model. */
export interface Accuracy {
  /** Open reading frames that it was measured on, none of which was calibrated with. */
  readonly sequences: number
  readonly cosineMin: number
  readonly cosineMean: number
  /** Norm of the difference divided by the norm of the reference, of the worst sequence. */
  readonly relativeErrorMax: number
  /** Sequences that the classifier calls the same from both, with the same embedding of DNABERT-S beside it. */
  readonly equalCalls: number
}

/** Compares row by row. @param ours row-major [rows, width], as is `reference` */
export function compareEmbeddings(
  ours: Float32Array,
  reference: Float32Array,
  width: number,
): Omit<Accuracy, 'equalCalls'> {
  const rows = reference.length / width
  let [cosineMin, cosineSum, relativeErrorMax] = [1, 0, 0]
  for (let row = 0; row < rows; row++) {
    let [product, own, other, difference] = [0, 0, 0, 0]
    for (let i = row * width; i < (row + 1) * width; i++) {
      const [a, b] = [ours[i]!, reference[i]!]
      product += a * b
      own += a * a
      other += b * b
      difference += (a - b) ** 2
    }
    const cosine = product / Math.sqrt(own * other)
    cosineMin = Math.min(cosineMin, cosine)
    cosineSum += cosine
    relativeErrorMax = Math.max(relativeErrorMax, Math.sqrt(difference / other))
  }
  return { sequences: rows, cosineMin, cosineMean: cosineSum / rows, relativeErrorMax }
}

/**
 * How many frames the classifier calls the same from either set of embeddings of ESM-2.
 *
 * @param folder for DNABERT-S in FP32 while it runs
 */
export async function countEqualCalls(
  frames: readonly OpenFrame[],
  embeddings: readonly [Float32Array, Float32Array],
  { dnabert, mlp, folder }: { dnabert: LoadedDnabert; mlp: LoadedModel<unknown>; folder: string },
): Promise<number> {
  const dna = await embedDna(frames, dnabert, join(folder, 'dnabert'))
  const target = join(folder, 'mlp')
  await mkdir(target)
  await writeModel(mlp.graph, {
    folder: target,
    inline: true,
    producer: { name: 'virnucpro', version: 'calibration' },
  })
  const own = dnabert.shape.width
  const other = embeddings[0].length / frames.length
  const width = own + other
  const calls: boolean[][] = []
  {
    await using classifier = await Classifier.open({ graph: join(target, 'model.onnx'), width })
    for (const esm of embeddings) {
      const features = new Float32Array(frames.length * width)
      for (let row = 0; row < frames.length; row++) {
        features.set(dna.subarray(row * own, (row + 1) * own), row * width)
        features.set(esm.subarray(row * other, (row + 1) * other), row * width + own)
      }
      const scores = await classifier.classify(features)
      calls.push(frames.map((_, row) => scores[2 * row + 1]! > scores[2 * row]!))
    }
  }
  await rm(target, { recursive: true, force: true })
  return calls[0]!.filter((call, row) => call === calls[1]![row]).length
}

/** Embeddings of the frames' bases, each frame alone: row-major [frames, width]. */
async function embedDna(
  frames: readonly OpenFrame[],
  model: LoadedDnabert,
  folder: string,
): Promise<Float32Array> {
  const tokenizer = DnaTokenizer.fromJson(Buffer.from(model.tokenizer).toString('utf8'), 'tokenizer.json')
  const { Tensor } = await loadRuntime()
  const { width } = model.shape
  await mkdir(folder)
  await writeModel(model.graph, { folder, producer: { name: 'virnucpro', version: 'calibration' } })
  const session = await openSession(join(folder, 'model.onnx'))
  try {
    const all = new Float32Array(frames.length * width)
    for (const [row, { nucleotide }] of frames.entries()) {
      const ids = tokenizer.encode(nucleotide)
      const { embedding } = await session.run({
        input_ids: new Tensor('int32', ids, [1, ids.length]),
        lengths: new Tensor('int32', Int32Array.of(ids.length), [1]),
      })
      if (!(embedding?.data instanceof Float32Array)) throw new InferenceError('dnabert_s gave no embedding')
      all.set(embedding.data, row * width)
    }
    return all
  } finally {
    await session.release()
    await rm(folder, { recursive: true, force: true })
  }
}
