/**
 * The figures on record in `bench/results`: what they look like, how they are read, and how a bench's document becomes
 * some. README.md there says what each field means.
 */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import * as v from 'valibot'
import { writeAtomically } from '../src/system/atomic.ts'
import { parseJson } from '../src/system/json.ts'
import type { BenchDocument, Result } from './document.ts'
import type { Machine } from './machine.ts'

const ROOT = resolve(import.meta.dir, '..')
export const RESULTS = join(ROOT, 'bench/results')

const line = (what: string) =>
  v.pipe(v.string(), v.regex(/^\S(.*\S)?$/, `${what} is one line without space around it`))

export const FigureSchema = v.strictObject({
  /** Unique over all files: parts of small letters, digits and `-`, with dots between them. */
  name: v.pipe(
    v.string(),
    v.regex(/^[a-z0-9]+([.-][a-z0-9]+)*$/, 'expected a name such as esm2-3b.fp8.plan.102'),
  ),
  value: v.pipe(v.number(), v.finite()),
  /** `tok/s`, `s`, `MB`, `%`, `x`; empty for a plain number. */
  unit: v.union([v.literal(''), line('a unit')]),
  hardware: line('hardware'),
  date: v.pipe(v.string(), v.isoDate('expected a date such as 2026-11-30')),
  commit: v.pipe(v.string(), v.regex(/^[0-9a-f]{7,40}(-dirty)?$/, 'expected the hash of a commit')),
  command: line('a command'),
  /** The lowest and the highest round, where there were several. */
  low: v.optional(v.number()),
  high: v.optional(v.number()),
  rounds: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
  better: v.optional(v.picklist(['higher', 'lower'])),
  note: v.optional(line('a note')),
})

export type Figure = v.InferOutput<typeof FigureSchema>

/** Where and how figures were measured. */
export type Origin = Pick<Figure, 'hardware' | 'date' | 'commit' | 'command'>

/** Reads one file of figures. @throws Error naming file, figure and field */
export async function readFigures(path: string): Promise<Figure[]> {
  const content = parseFile(await readFile(path, 'utf8'), path)
  if (!Array.isArray(content)) throw new Error(`${path}: expected a list of figures`)
  return content.map((entry: unknown, at) => {
    const { success, output, issues } = v.safeParse(FigureSchema, entry)
    if (success) return output
    const name = (entry as { name?: unknown } | null)?.name
    const field = v.getDotPath(issues[0])
    throw new Error(`${path}: figure ${at + 1} (${String(name)}): ${field ?? 'entry'}: ${issues[0].message}`)
  })
}

function parseFile(text: string, path: string): unknown {
  try {
    return parseJson(text)
  } catch (error) {
    throw new Error(`${path}: not JSON: ${(error as Error).message}`)
  }
}

/** Puts figures into a file: those of a name that it has are replaced in their place, new ones follow. */
export async function recordFigures(path: string, figures: readonly Figure[]): Promise<void> {
  const all = new Map<string, Figure>()
  if (existsSync(path)) for (const figure of await readFigures(path)) all.set(figure.name, figure)
  for (const figure of figures) all.set(figure.name, v.parse(FigureSchema, figure))
  await writeAtomically(path, `${JSON.stringify([...all.values()], null, 2)}\n`)
}

/** All figures on record. @throws Error for the first that is damaged, or whose name stands twice */
export async function allFigures(folder = RESULTS): Promise<Map<string, Figure & { readonly file: string }>> {
  const all = new Map<string, Figure & { readonly file: string }>()
  for (const path of [...new Bun.Glob('*.json').scanSync({ cwd: folder, absolute: true })].sort()) {
    for (const figure of await readFigures(path)) {
      const other = all.get(figure.name)
      if (other !== undefined) throw new Error(`${path}: ${figure.name} stands in ${other.file} already`)
      all.set(figure.name, { ...figure, file: basename(path) })
    }
  }
  return all
}

/** What a bench has measured, and how many times better that is than each alternative. */
export function figuresOfDocument(document: BenchDocument, origin: Origin): Figure[] {
  return document.results.flatMap((result) => {
    const name = result.figure ?? `${nameOf(document.bench)}.${nameOf(result.name)}`
    const common = { ...origin, ...(result.rounds > 1 && { rounds: result.rounds }) }
    return [
      { name, value: result.value, unit: result.unit, ...common, ...spread(result) },
      ...[result.against ?? []].flat().map((other) => ({
        name: `${name}.over-${other.figure ?? nameOf(other.name)}`,
        value: other.ratio,
        unit: 'x',
        ...common,
        better: 'higher' as const,
      })),
    ]
  })
}

function spread({ low, high, rounds, better, note }: Result): Partial<Figure> {
  return { ...(rounds > 1 && { low, high }), better, ...(note !== undefined && { note }) }
}

/** `demo, reads: run` as `demo-reads.run`. */
function nameOf(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(' / ', ' over ')
    .replaceAll(/:\s+|(?<=[a-z])\/(?=[a-z])/g, '.')
    .replaceAll(/[^a-z0-9.]+/g, '-')
    .replaceAll(/-*\.[-.]*/g, '.')
    .replaceAll(/^[-.]+|[-.]+$/g, '')
}

export function hardwareOf({ cpu, cores, memoryGB, gpus }: Machine): string {
  const host = `${cores} cores of ${cpu}, ${memoryGB} GB`
  return gpus.length === 0 ? host : `${gpus.length} x ${gpus[0]}, ${host}`
}

/**
 * The commit that is measured: BENCH_COMMIT, or that of this checkout, with `-dirty` where its code has been changed.
 *
 * @throws Error where there is neither
 */
export function measuredCommit(): string {
  const given = process.env.BENCH_COMMIT
  if (given !== undefined && given !== '') return given
  const commit = git('rev-parse', '--short=12', 'HEAD')
  if (commit === undefined)
    throw new Error('this is no checkout with git: name the commit that is measured in BENCH_COMMIT')
  const changed = git('status', '--porcelain', '--', '.', ':!bench/results', ':!docs', ':!CHANGELOG.md')
  return changed === '' ? commit : `${commit}-dirty`
}

function git(...words: string[]): string | undefined {
  if (Bun.which('git') === null) return undefined
  const { success, stdout } = Bun.spawnSync(['git', '-C', ROOT, ...words], { stderr: 'ignore' })
  return success ? stdout.toString().trim() : undefined
}

/** The command of this process as one types it in a checkout, without the places of results. */
export function thisCommand(): string {
  const [, program = '', ...words] = process.argv
  const kept = words.filter((word, at) => ![word, words[at - 1]].some((each) => PLACES.has(each ?? '')))
  const shown = kept.filter((word) => !/^--(json|record)=/.test(word))
  return ['bun', program.replace(`${ROOT}/`, ''), ...shown.map(quoted)].join(' ')
}

const PLACES = new Set(['--json', '--record'])

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
