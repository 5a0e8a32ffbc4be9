import * as v from 'valibot'
import { writeAtomically } from '../system/atomic.ts'
import { MOST_BYTES, readText } from '../system/read-within.ts'
import { READ } from '../system/regular-file.ts'
import { sealed, unsealed } from '../system/sealed.ts'
import { unlessMissing } from '../system/system-error.ts'

export const PartRowsSchema = v.object({
  /** SHA-256 of the ids and sequences. */
  content: v.string(),
  /** One for each row. */
  ids: v.array(v.string()),
  /** What else is known of each row, by the name of the column. */
  columns: v.record(v.string(), v.array(v.union([v.string(), v.number()]))),
  /** Keys of the sequences in the journal of the part, by model: [n * 32] bytes in Base64. */
  keys: v.record(v.string(), v.string()),
  /** Rows that have no embedding of a model. Without any the part is done. */
  failed: v.array(v.number()),
})

/** What the rows of a part of a file of embeddings are; the embeddings are in the journal of the part. */
export type PartRows = v.InferOutput<typeof PartRowsSchema>

export async function writePartRows(path: string, rows: PartRows): Promise<void> {
  await writeAtomically(path, sealed(rows))
}

/** The rows of a part; undefined where there are none, or where they are damaged. */
export async function readPartRows(path: string): Promise<PartRows | undefined> {
  const text = await readText(path, MOST_BYTES.part, READ).catch(unlessMissing(path))
  const found = text === undefined ? undefined : unsealed(text)
  const parsed = v.safeParse(PartRowsSchema, found?.isSealed ? found.value : undefined)
  return parsed.success ? parsed.output : undefined
}
