import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { table } from '../../scripts/support/reference/markdown.ts'
import { count } from '../../src/text/numbers.ts'

// What the long tests have recorded, as the page shows it.

interface Run {
  readonly date: string
  readonly commit: string
  readonly hardware: string
  readonly seed: number
}

interface FuzzRecord extends Run {
  readonly seconds: number
  readonly targets: readonly {
    readonly name: string
    readonly about: string
    readonly executions: number
    readonly failures: readonly unknown[] | number
  }[]
}

interface SoakRecord extends Run {
  readonly minutes: number
  readonly faults: Readonly<Record<string, number>>
  readonly commands: number
  readonly libraryIterations: number
  readonly outputsCompared: number
  readonly differences: readonly string[]
  readonly leftOver: readonly string[]
  readonly notFlat: readonly string[]
  readonly series: Readonly<Record<string, { first: number; last: number; peak: number; isFlat?: boolean }>>
}

function recorded<Content>(name: string): Content | undefined {
  const path = join(import.meta.dir, 'records', `${name}.json`)
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Content) : undefined
}

const number = (value: number) => Math.round(value).toLocaleString('en-US')
const when = ({ date, commit, hardware, seed }: Run) =>
  `${date}, commit ${commit}, ${hardware}, seed ${seed}.`

export function fuzzing(): string {
  const record = recorded<FuzzRecord>('fuzz')
  if (record === undefined) return 'Nothing is on record yet.\n'
  const { targets, seconds } = record
  const failuresOf = ({ failures }: FuzzRecord['targets'][number]) =>
    typeof failures === 'number' ? failures : failures.length
  const sum = (of: (target: FuzzRecord['targets'][number]) => number) =>
    number(targets.reduce((total, target) => total + of(target), 0))
  const rows = targets.map((target) => [
    `\`${target.name}\``,
    target.about,
    number(target.executions),
    `${failuresOf(target)}`,
  ])
  return (
    `${sum(({ executions }) => executions)} executions in ${Math.round(seconds / 60)} minutes, ${sum(failuresOf)} failures. ${when(record)}\n\n` +
    table(['target', 'what is compared', 'executions', 'failures'], rows)
  )
}

export function soaking(): string {
  const record = recorded<SoakRecord>('soak')
  if (record === undefined) return 'Nothing is on record yet.\n'
  const {
    minutes,
    faults,
    commands,
    libraryIterations,
    outputsCompared,
    differences,
    leftOver,
    notFlat,
    series,
  } = record
  const all = Object.values(faults).reduce((sum, times) => sum + times, 0)
  const kinds = Object.entries(faults).map(([name, times]) => `${name} (${times})`)
  const rows = Object.entries(series).map(([name, { first, last, peak }]) => [
    name,
    number(first),
    number(last),
    number(peak),
  ])
  return (
    `${Math.round(minutes)} minutes, ${count(all, 'fault')}, ${count(commands, 'command')}, ${count(libraryIterations, 'run')} in one library process; ` +
    `${count(outputsCompared, 'output')} compared, ${count(differences.length, 'difference')}, ${count(leftOver.length, 'leftover')}. ${when(record)}\n\n` +
    `Faults: ${kinds.join(', ')}.\n\n` +
    (notFlat.length === 0 ? 'Every figure is flat.\n\n' : `Not flat: ${notFlat.join(', ')}.\n\n`) +
    table(['figure', 'first third', 'last third', 'highest'], rows)
  )
}

interface ExactnessRecord extends Run {
  readonly seconds: number
  readonly draws: number
  readonly runs: number
  readonly interruptions: number
  readonly files: number
  readonly rows: number
  readonly differences: readonly string[]
}

export function exactness(): string {
  const record = recorded<ExactnessRecord>('exactness')
  if (record === undefined) return 'Nothing is on record yet.\n'
  const { seconds, draws, runs, interruptions, files, rows, differences } = record
  return (
    `${count(draws, 'draw')} in ${Math.round(seconds / 60)} minutes: ${count(runs, 'start')}, ${count(interruptions, 'interruption')}; ` +
    `${count(files, 'file')} compared to the byte, ${count(rows, 'row')} up to 2e-6, ${count(differences.length, 'difference')}. ${when(record)}\n`
  )
}

type MemoryRecord = Readonly<Record<string, { size: number; peakMb: number; seconds: number; date: string }>>

/** The most memory that `predict` has had with large inputs; empty where nothing is on record. */
export function largeInputs(): string {
  const record = recorded<MemoryRecord>('memory')
  if (record === undefined) return ''
  const rows = Object.entries(record).map(([name, { size, peakMb, date }]) => [
    `${size.toLocaleString('en')} ${name}`,
    `${peakMb.toLocaleString('en')} MB`,
    date,
  ])
  return `\nThe most memory of a whole \`predict\` with the demonstration bundle, which has some 170 MB with a small input
(\`bun test/e2e/memory/full.ts --record\`):\n\n${table(['input', 'memory', 'measured'], rows)}`
}
