/**
 * The one form in which every bench gives its results: a JSON document for programs (`--json FILE`, which
 * bench/compare.ts reads), figures on record (`--record FILE`, see bench/results) and a table for people.
 *
 *     const options = benchOptions('bun bench/micro/fasta.ts')     // --quick, --json FILE, --record FILE
 *     const results = [
 *       summarize({ name: 'reads', unit: 'MB/s', better: 'higher' }, ours, { name: 'Biopython', values: theirs }),
 *     ]
 *     await finish('micro/fasta', options, { megabases: 64 }, results)
 *
 * A bench that measures something once gives `rounds: 1` and no spread; see `single`.
 */
import { parseArgs } from 'node:util'
import pkg from '../package.json' with { type: 'json' }
import { writeAtomically } from '../src/system/atomic.ts'
import type { Against, BenchDocument, Measure, Result } from './document.ts'
import {
  figuresOfDocument,
  hardwareOf,
  measuredCommit,
  type Origin,
  recordFigures,
  thisCommand,
} from './figures.ts'
import { thisMachine } from './machine.ts'

export type { Against, BenchDocument, Measure, Result, Setting } from './document.ts'

export interface BenchOptions {
  /** Little work and few rounds: shows that the bench works. Its figures mean nothing. */
  readonly quick: boolean
  /** Where the JSON document goes. */
  readonly json: string | undefined
  /** Where the figures go on record. */
  readonly record?: string | undefined
}

/** Reads the flags that every bench has, and those of `more`; ends the process with 2 at anything else. */
export function benchOptions<T extends Record<string, { type: 'string' | 'boolean' }> = Record<never, never>>(
  usage: string,
  more?: T,
): BenchOptions & { readonly [K in keyof T]?: T[K]['type'] extends 'boolean' ? boolean : string } {
  try {
    const { values } = parseArgs({
      options: { quick: { type: 'boolean' }, json: { type: 'string' }, record: { type: 'string' }, ...more },
    })
    // Before an hour of work.
    if (values.record !== undefined) {
      if (values.quick === true) throw new Error('--quick and --record: figures of a quick run mean nothing')
      measuredCommit()
    }
    return { ...values, quick: values.quick === true, json: values.json as string | undefined } as never
  } catch (error) {
    const flags = Object.entries(more ?? {}).map(
      ([name, { type }]) => `[--${name}${type === 'string' ? ' VALUE' : ''}]`,
    )
    return fail(
      `${(error as Error).message}\nUsage: ${[usage, '[--quick] [--json FILE] [--record FILE]', ...flags].join(' ')}`,
    )
  }
}

/** The middle of the values; the mean of the two middle ones for an even number of them. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}

export interface Alternative {
  readonly name: string
  /** One for each round, in the order in which they were run. */
  readonly values: readonly number[]
  /** See `Against`. */
  readonly figure?: string
}

/**
 * A result from one value for each round. Where every alternative has as many rounds, ratios are taken round by
 * round: whatever slows the machine for a while then slows both.
 */
export function summarize(
  measure: Measure,
  values: readonly number[],
  alternatives: Alternative | readonly Alternative[] = [],
  note?: string,
): Result {
  if (values.length === 0) throw new RangeError(`${measure.name}: no round was measured`)
  const against = [alternatives].flat().map(({ name, values: theirs, figure }) => ({
    name,
    ...(figure !== undefined && { figure }),
    value: median(theirs),
    ratio:
      theirs.length === values.length
        ? median(values.map((ours, round) => better(measure, ours, theirs[round]!)))
        : better(measure, median(values), median(theirs)),
  }))
  return {
    ...measure,
    value: median(values),
    low: Math.min(...values),
    high: Math.max(...values),
    rounds: values.length,
    ...(against.length > 0 && { against: against.length === 1 ? against[0]! : against }),
    ...(note !== undefined && { note }),
  }
}

/** A result that was measured, counted or computed once. */
export function single(name: string, unit: string, better: Measure['better'], value: number): Result {
  return summarize({ name, unit, better }, [value])
}

/** Makes results whose names begin alike, each of a figure that every round has. */
export function figuresOf<Round>(name: string, rounds: readonly Round[]) {
  return (what: string, unit: string, better: Measure['better'], value: (round: Round) => number) =>
    summarize({ name: `${name}: ${what}`, unit, better }, rounds.map(value))
}

export interface Spent {
  readonly seconds: number
  /** Seconds of processors, of all threads of this process. */
  readonly cpuSeconds: number
}

/** What some work takes. */
export async function timed(work: () => Promise<unknown>): Promise<Spent> {
  const start = performance.now()
  const used = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(used)
  return { seconds: (performance.now() - start) / 1000, cpuSeconds: (user + system) / 1e6 }
}

/** Ends the process: the bench was started in a way that cannot work. */
export function fail(message: string): never {
  console.error(`error: ${message}`)
  process.exit(2)
}

function better(measure: Measure, ours: number, theirs: number): number {
  return measure.better === 'higher' ? ours / theirs : theirs / ours
}

/** Everything that a result is compared with. */
export function alternativesOf(result: Result): readonly Against[] {
  return result.against === undefined ? [] : [result.against].flat()
}

/** Prints the table and writes the document. */
export async function finish(...measured: Parameters<typeof keep>): Promise<void> {
  console.log(renderTable(await keep(...measured)))
}

/** Writes the document with what there is so far: a long bench that is stopped then leaves that. */
export async function keep(
  bench: string,
  options: BenchOptions,
  settings: BenchDocument['settings'],
  results: readonly Result[],
): Promise<BenchDocument> {
  const document: BenchDocument = {
    format: 'virnucpro-bench',
    version: 1,
    bench,
    date: new Date().toISOString(),
    program: pkg.version,
    machine: thisMachine(),
    settings: { quick: options.quick, ...settings },
    results,
  }
  if (options.json !== undefined)
    await writeAtomically(options.json, `${JSON.stringify(document, null, 2)}\n`)
  if (options.record !== undefined) await recordFigures(options.record, figuresOfDocument(document, origin()))
  return document
}

function origin(): Origin {
  const date = new Date().toISOString().slice(0, 10)
  return { hardware: hardwareOf(thisMachine()), date, commit: measuredCommit(), command: thisCommand() }
}

/** A document as one table: name, median, spread, and what it was compared with. */
export function renderTable({ bench, results, settings, machine }: BenchDocument): string {
  const rows = results.flatMap(rowsOf)
  const wanted = rows.some((row) => row[3] !== '') ? 6 : 3
  const header = ['', 'median', 'lowest to highest', 'compared with', 'its median', 'ratio'].slice(0, wanted)
  const all = [header, ...rows.map((row) => row.slice(0, wanted))]
  const lines = aligned(all, [0, 3])
  const notes = results.flatMap(({ name, note }) => (note === undefined ? [] : [`  ${name}: ${note}`]))
  const gpus = machine.gpus.length > 0 ? `, ${machine.gpus.length} GPU(s): ${machine.gpus[0]}` : ''
  const where = `${machine.cpu}, ${machine.cores} cores${gpus}`
  const how = settings.quick === true ? '; QUICK: these figures mean nothing' : ''
  return [`${bench}  (${where}${how})`, ...lines, ...notes, ''].join('\n')
}

/** Rows as lines of columns; the columns at `left` hold text, the others figures. */
export function aligned(rows: readonly (readonly string[])[], left: readonly number[]): string[] {
  const widths = rows[0]!.map((_, at) => Math.max(...rows.map((row) => row[at]!.length)))
  const cells = (row: readonly string[]) =>
    row.map((cell, at) => (left.includes(at) ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!)))
  return rows.map((row) => cells(row).join('  ').trimEnd())
}

function rowsOf(result: Result): string[][] {
  const { name, unit, value, low, high, rounds } = result
  const spread = rounds > 1 ? `${figure(low)} to ${figure(high)}` : ''
  const ours = [name, `${figure(value)} ${unit}`, spread]
  const others = alternativesOf(result).map((other) => [
    other.name,
    `${figure(other.value)} ${unit}`,
    `${figure(other.ratio)}x`,
  ])
  if (others.length === 0) return [[...ours, '', '', '']]
  return others.map((other, at) => (at === 0 ? [...ours, ...other] : ['', '', '', ...other]))
}

/** Three digits that mean something, thousands apart. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  const size = Math.abs(value)
  if (size >= 1000) return Math.round(value).toLocaleString('en-US')
  if (size === 0 || size >= 100) return value.toFixed(0)
  return size >= 0.01 ? value.toPrecision(3) : value.toExponential(2)
}
