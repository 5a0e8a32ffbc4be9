import { parseJson } from '../src/system/json.ts'
import type { BenchDocument, Result } from './result.ts'
import { aligned, figure } from './result.ts'

/** How one figure has changed between two documents. */
export interface Change {
  /** Bench and name of the result. */
  readonly name: string
  readonly before: Result | undefined
  readonly after: Result | undefined
  /** Share by which it has become better; negative for worse. */
  readonly gain: number
  /** `unclear`: beyond the threshold, but the rounds overlap or vary as much. */
  readonly verdict: 'same' | 'better' | 'worse' | 'unclear' | 'new' | 'gone'
}

/** Reads a document, or the list of them that `virnucpro bench` writes. @throws Error naming the file */
export function parseDocuments(text: string, path: string): BenchDocument[] {
  let content: unknown
  try {
    content = parseJson(text)
  } catch (error) {
    throw new Error(`${path}: no JSON: ${(error as Error).message}`)
  }
  const documents = [content].flat() as Partial<BenchDocument>[]
  for (const document of documents) {
    if (document?.format !== 'virnucpro-bench') throw new Error(`${path}: no result of a bench`)
    if (document.version !== 1)
      throw new Error(`${path}: version ${document.version} of the format; this program reads version 1`)
    const whole = Array.isArray(document.results) && document.results.every(isResult)
    if (!whole || typeof document.bench !== 'string') throw new Error(`${path}: a result is damaged`)
  }
  return documents as BenchDocument[]
}

function isResult(result: Partial<Result> | undefined): boolean {
  return (
    typeof result?.name === 'string' &&
    (result.better === 'higher' || result.better === 'lower') &&
    [result.value, result.low, result.high].every((value) => typeof value === 'number')
  )
}

/**
 * Compares results by bench and name.
 *
 * @param threshold share that is worth telling, 0.05 for 5 %
 * @throws Error where machine or settings differ: such figures say nothing about the program
 */
export function changesBetween(
  before: readonly BenchDocument[],
  after: readonly BenchDocument[],
  threshold: number,
): Change[] {
  const changes: Change[] = []
  const names = new Set([...before, ...after].map(({ bench }) => bench))
  for (const bench of names) {
    const [old, now] = [before, after].map((all) => all.find((document) => document.bench === bench))
    if (old !== undefined && now !== undefined) requireSameTerms(old, now)
    const results = new Set([...(old?.results ?? []), ...(now?.results ?? [])].map(({ name }) => name))
    for (const name of results) {
      const [a, b] = [old, now].map((document) => document?.results.find((each) => each.name === name))
      changes.push({ name: `${bench}: ${name}`, before: a, after: b, ...judge(a, b, threshold) })
    }
  }
  return changes
}

function requireSameTerms(a: BenchDocument, b: BenchDocument): void {
  const terms = ({ machine, settings }: BenchDocument) => ({
    processor: machine.cpu,
    cores: machine.cores,
    GPUs: machine.gpus,
    settings,
  })
  const [left, right] = [terms(a), terms(b)]
  for (const term of Object.keys(left) as (keyof typeof left)[]) {
    const [x, y] = [JSON.stringify(left[term]), JSON.stringify(right[term])]
    if (x !== y) throw new Error(`${a.bench}: the two differ in ${term}, ${x} and ${y}; measure both alike`)
  }
}

function judge(
  a: Result | undefined,
  b: Result | undefined,
  threshold: number,
): Pick<Change, 'gain' | 'verdict'> {
  if (a === undefined) return { gain: 0, verdict: 'new' }
  if (b === undefined) return { gain: 0, verdict: 'gone' }
  if (a.better !== b.better || a.unit !== b.unit)
    throw new Error(`${a.name}: the two are measured in other units`)
  const gain = a.better === 'higher' ? b.value / a.value - 1 : a.value / b.value - 1
  if (a.value === b.value) return { gain: 0, verdict: 'same' }
  if (Math.abs(gain) <= threshold) return { gain, verdict: 'same' }
  // Rounds that overlap may be two draws of the same.
  const apart = a.low > b.high || b.low > a.high
  return { gain, verdict: apart ? (gain > 0 ? 'better' : 'worse') : 'unclear' }
}

const WORDS: Record<Change['verdict'], string> = {
  same: '',
  better: 'better',
  worse: 'WORSE',
  unclear: 'unclear: the rounds overlap, run both again',
  new: 'new',
  gone: 'GONE',
}

export function renderChanges(changes: readonly Change[], threshold: number): string {
  const rows = changes.map(({ name, before, after, gain, verdict }) => [
    name,
    before === undefined ? '' : `${figure(before.value)} ${before.unit}`,
    after === undefined ? '' : `${figure(after.value)} ${after.unit}`,
    before === undefined || after === undefined ? '' : `${gain < 0 ? '' : '+'}${(100 * gain).toFixed(1)} %`,
    WORDS[verdict],
  ])
  const lines = aligned([['', 'before', 'after', 'better by', ''], ...rows], [0, 4])
  const worse = changes.filter(({ verdict }) => verdict === 'worse' || verdict === 'gone').length
  return [...lines, '', `${worse} worse by more than ${threshold} % and more than the rounds vary`].join('\n')
}
