import { stat } from 'node:fs/promises'
import { MODEL_NAMES, MODELS, type ModelName } from '../bundle/index.ts'
import { DataError } from '../system/errors.ts'
import { MOST_BYTES, readWithin } from '../system/read-within.ts'
import { decodeDnabert, decodeEsm, featureKind, readTorchFile } from '../torchfile/index.ts'
import type { Case } from './cases.ts'

/** A feature file cannot serve as a reference. */
export class GoldenError extends DataError {}

export interface Golden {
  readonly model: ModelName
  readonly cases: readonly Case[]
  /** Row-major [cases, dimension]. */
  readonly rows: Float32Array
  readonly dimension: number
}

/**
 * Reads embeddings that the original wrote, and the sequences they are of.
 *
 * @param fasta sequences; by default the file beside it that the original wrote them from: `output_1.fa` for
 * `output_1_ESM.pt` and `output_1_DNABERT_S.pt`
 * @throws GoldenError and the errors of reading either file
 */
export async function readGolden(path: string, fasta?: string): Promise<Golden> {
  const file = await readTorchFile(path)
  const kind = featureKind(file)
  const model = MODEL_NAMES.find((name) => MODELS[name].short === kind)
  if (model === undefined) {
    throw new GoldenError(
      `${path} holds no embeddings of one model: expected a file that the original writes, such as output_1_ESM.pt or output_1_DNABERT_S.pt`,
    )
  }
  const { ids, rows, dim } = await (kind === 'esm' ? decodeEsm(file) : decodeDnabert(file))
  const sequences = await sequencesOf(fasta ?? path.replace(/_(DNABERT_S|ESM)\.pt$/, '.fa'), path)
  const cases = ids.map((id) => {
    const sequence = sequences.get(id)
    if (sequence === undefined)
      throw new GoldenError(`${path} has a row for ${id}, which is not among its sequences`)
    return { id, sequence }
  })
  return { model, cases, rows, dimension: dim }
}

/** Read by hand: these are proteins too, which the reader of inputs refuses. */
async function sequencesOf(fasta: string, golden: string): Promise<Map<string, Uint8Array>> {
  if (fasta === golden || (await stat(fasta).catch(() => undefined)) === undefined) {
    throw new GoldenError(`the sequences of ${golden} are not beside it`, {
      detail: { code: 'no-golden-sequences', data: {} },
    })
  }
  const sequences = new Map<string, Uint8Array>()
  for (const record of (await readWithin(fasta, MOST_BYTES.state)).toString('latin1').split('>').slice(1)) {
    const [header = '', ...lines] = record.split(/\r?\n/)
    sequences.set(header.split(/\s/)[0] ?? '', Buffer.from(lines.join(''), 'latin1'))
  }
  return sequences
}
