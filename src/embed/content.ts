import type { ModelName } from '../bundle/index.ts'
import { KEY_BYTES, keyText, type PartRows, type RunFolder, readPartRows } from '../checkpoint/index.ts'
import { TryAgainError } from '../system/errors.ts'
import { removeFile } from '../system/kept-files.ts'
import type { Content, Rows } from './formats/index.ts'

/** What a run has computed, by the files of its state. */
export interface Computed extends Omit<Content, 'rows' | 'read'> {
  readonly folder: RunFolder
  /** Number of parts. */
  readonly parts: number
  readonly signal: AbortSignal
}

/** What goes into the output: every row that has all its embeddings. */
export async function contentOf(computed: Computed): Promise<Content> {
  let rows = 0
  const read = (models: readonly ModelName[]) => readRows(computed, models)
  for await (const { ids } of read([])) rows += ids.length
  return { ...computed, rows, read }
}

async function* readRows(computed: Computed, models: readonly ModelName[]): AsyncGenerator<Rows> {
  const { folder, parts, signal } = computed
  for (let number = 1; number <= parts; number++) {
    signal.throwIfAborted()
    const part = await readPartRows(folder.files.rows(number))
    if (part === undefined) throw await damaged(folder, number)
    const failed = new Set(part.failed)
    const kept = [...part.ids.keys()].filter((row) => !failed.has(row))
    if (kept.length === 0) continue
    const taken = <T>(values: readonly T[]) => kept.map((row) => values[row] as T)
    const columns = Object.entries(part.columns).map(([name, values]) => [name, taken(values)])
    yield {
      ids: taken(part.ids),
      columns: Object.fromEntries(columns),
      vectors: await vectorsOf(computed, { number, part, kept }, models),
    }
  }
}

/** The embeddings of some rows of a part, from its journal. */
async function vectorsOf(
  { folder, widths }: Computed,
  { number, part, kept }: { number: number; part: PartRows; kept: readonly number[] },
  models: readonly ModelName[],
): Promise<Map<ModelName, Float32Array>> {
  const vectors = new Map<ModelName, Float32Array>()
  if (models.length === 0) return vectors
  const wanted = new Map<string, Map<string, number[]>>()
  for (const model of models) {
    const keys = Buffer.from(part.keys[model] ?? '', 'base64')
    const keyOf = (row: number) => keyText(keys.subarray(row * KEY_BYTES, (row + 1) * KEY_BYTES))
    wanted.set(
      model,
      Map.groupBy(kept.keys(), (place) => keyOf(kept[place]!)),
    )
    vectors.set(model, new Float32Array(kept.length * widths[model]))
  }
  const journal = await folder.openJournal(number, ({ model, keys, vectors: found, dimension }) => {
    const name = model as ModelName
    const places = wanted.get(model)
    if (places === undefined || dimension !== widths[name]) return
    for (let i = 0; i < keys.length / KEY_BYTES; i++) {
      const key = keyText(keys.subarray(i * KEY_BYTES, (i + 1) * KEY_BYTES))
      const vector = found.subarray(i * dimension, (i + 1) * dimension)
      for (const place of places.get(key) ?? []) vectors.get(name)?.set(vector, place * dimension)
      places.delete(key)
    }
  })
  await journal[Symbol.asyncDispose]()
  if ([...wanted.values()].some(({ size }) => size > 0)) throw await damaged(folder, number)
  return vectors
}

/** What is damaged is computed again by the next start. */
async function damaged(folder: RunFolder, number: number): Promise<TryAgainError> {
  const path = folder.files.rows(number)
  await removeFile(path)
  return new TryAgainError(
    `what was computed of part ${number}, beside ${path}, is missing or damaged. The same command computes it again`,
  )
}
