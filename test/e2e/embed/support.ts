import { readFileSync } from 'node:fs'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { type ModelName, openBundle, readTokenizers } from '../../../src/bundle/index.ts'
import { openSafetensors } from '../../../src/torchfile/index.ts'

/** A file of embeddings: rows by model, in the order of the ids. */
export interface Embeddings {
  ids: string[]
  rows: Map<string, number[][]>
}

/** Reads a `.safetensors` file of embeddings with the reader of model weights. */
export async function readEmbeddings(path: string, models: readonly ModelName[]): Promise<Embeddings> {
  const length = Number(readFileSync(path).readBigUInt64LE(0))
  const header = JSON.parse(readFileSync(path).toString('utf8', 8, 8 + length))
  const [from, to] = header.ids.data_offsets
  const text = readFileSync(path).toString('utf8', 8 + length + from, 8 + length + to)
  const ids = text.split('\n').slice(0, -1)
  const rows = new Map<string, number[][]>()
  const file = await openSafetensors(path)
  for (const model of models) {
    const width = header[model].shape[1]
    const numbers = header[model].shape[0] === 0 ? new Float32Array() : await file.readF32(model)
    rows.set(
      model,
      ids.map((_, row) => [...numbers.subarray(row * width, (row + 1) * width)]),
    )
  }
  await file.close()
  return { ids, rows }
}

/** What a model of the demonstration gives for each sequence by itself: its graph in ONNX Runtime, without any code of ours. */
export async function reference(model: ModelName, sequences: readonly string[]): Promise<number[][]> {
  const bundle = await openBundle('demo')
  const tokenizer = (await readTokenizers(bundle))[model]
  const session = await InferenceSession.create(bundle.pathOf(bundle.manifest.models[model].graph))
  const rows: number[][] = []
  for (const sequence of sequences) {
    const ids = tokenizer.encode(Buffer.from(sequence))
    const { embedding } = await session.run({
      input_ids: new Tensor('int32', ids, [1, ids.length]),
      lengths: new Tensor('int32', Int32Array.of(ids.length), [1]),
    })
    rows.push([...(embedding!.data as Float32Array)])
  }
  await session.release()
  return rows
}

/** The largest difference of any number of two tables of the same shape. */
export function distance(a: readonly number[][] | undefined, b: readonly number[][]): number {
  if (a?.length !== b.length) throw new Error(`${a?.length} rows and ${b.length}`)
  let largest = 0
  for (const [i, row] of a.entries())
    for (const [j, value] of row.entries()) largest = Math.max(largest, Math.abs(value - b[i]![j]!))
  return largest
}
