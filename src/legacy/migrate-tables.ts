import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { OutputPaths } from '../layout/index.ts'
import { DataError } from '../system/errors.ts'
import { type ScoredFrames, writeTables } from '../tables/index.ts'

const HEADER = 'Sequence_ID\tPrediction\tscore1\tscore2'
const ROWS = 10_000

/** Writes both tables of a run again in another layout. Both spellings of a score give back the same float32. */
export async function migrateTables(from: string, to: OutputPaths, spill: string): Promise<void> {
  const rows = readFrames(from)
  const first = await rows.next()
  const stamp = typeof first.value === 'string' ? first.value : undefined
  async function* parts(): AsyncGenerator<ScoredFrames> {
    for await (const part of rows) if (typeof part !== 'string' && part !== undefined) yield part
  }
  await writeTables(to, parts(), { stamp, spillPath: (run) => `${spill}.sort_${run}` })
}

/** First the line above the header, if there is one, then the rows. */
async function* readFrames(path: string): AsyncGenerator<string | undefined | ScoredFrames> {
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })
  const wrong = (line: number, text: string) =>
    new DataError(`${path}:${line}: ${text}; delete it and its table of chunks, then start again`)
  let number = 0
  let stamp: string | undefined
  let ids: string[] = []
  let scores: number[] = []
  for await (const line of lines) {
    number++
    if (number === 1 && line.startsWith('# ')) {
      stamp = line.slice(2)
      continue
    }
    if (number === (stamp === undefined ? 1 : 2)) {
      if (line !== HEADER) throw wrong(number, `expected the header of a table of frames`)
      yield stamp
      continue
    }
    const [id, , others, viral, ...rest] = line.split('\t')
    if (!id || rest.length > 0 || !isScore(others) || !isScore(viral))
      throw wrong(number, 'expected an id, a call and two scores')
    ids.push(id)
    scores.push(Number(others), Number(viral))
    if (ids.length === ROWS) {
      yield { ids, scores: Float32Array.from(scores) }
      ids = []
      scores = []
    }
  }
  if (number === 0) throw wrong(1, 'the table is empty')
  yield { ids, scores: Float32Array.from(scores) }
}

function isScore(text: string | undefined): text is string {
  return text !== undefined && /^(nan|\d+(\.\d*)?(e[+-]?\d+)?)$/.test(text)
}
