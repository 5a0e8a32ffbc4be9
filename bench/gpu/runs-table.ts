// What runs of predict took, from the files that settings.sh leaves of each: seconds in all, of every stage, tokens per second of the
// models, how busy the GPUs were. Of NAME-1, NAME-2, ... the median counts.
//   bun bench/gpu/runs-table.ts LOG_DIR NAME... [--prefix waves-] [--compare] [--record FILE --name predict.waves --command TEXT]
// With --compare every second NAME is compared with the one before it. --name begins the names of the figures on record.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Figure, hardwareOf, measuredCommit, recordFigures } from '../figures.ts'
import { thisMachine } from '../machine.ts'
import { aligned, fail, figure, median } from '../result.ts'

interface Computed {
  readonly tokens: number
  readonly paddedTokens: number
  readonly sequences: number
  /** Not computed, since another of the window or of an earlier one is the same. */
  readonly sharedSequences?: number
  readonly reusedSequences?: number
}

interface Summary {
  readonly time: { readonly seconds: number }
  readonly counts: Readonly<Record<string, number>>
  readonly recheck?: { readonly rechecked: number; readonly audited: number }
  readonly computed: Readonly<Record<string, Computed>>
  readonly stages: readonly { name: string; start: number; end: number; busySeconds: number }[]
}

const text = { type: 'string' } as const
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { prefix: text, compare: { type: 'boolean' }, record: text, name: text, command: text },
})
const [folder, ...names] = positionals
if (folder === undefined || names.length === 0) fail('expected LOG_DIR NAME...')
if (values.record !== undefined && (values.name === undefined || values.command === undefined))
  fail('--record needs --name and --command')

const runs = new Map(names.map((name) => [name, roundsOf(`${values.prefix ?? ''}${name}`)]))
const figures = [...new Set([...runs.values()].flat().flatMap((run) => Object.keys(run)))]
const of = (name: string, what: string) =>
  runs.get(name)!.flatMap((run) => (run[what] === undefined ? [] : [run[what]]))
const shown = (all: readonly number[]) =>
  all.length === 0
    ? ''
    : `${figure(median(all))}${all.length > 1 ? ` (${figure(Math.min(...all))} to ${figure(Math.max(...all))})` : ''}`
const rows = figures.map((what) => [what, ...names.map((name) => shown(of(name, what)))])
console.log(aligned([['', ...names], ...rows], [0]).join('\n'))
const gains: [string, number, number][] = []
if (values.compare === true)
  for (let at = 1; at < names.length; at += 2) {
    const [before, after] = [of(names[at - 1]!, 'esm2 tok/s'), of(names[at]!, 'esm2 tok/s')]
    // Round by round: what slows the machine for a while then slows both.
    const gain = median(after.map((speed, round) => speed / (before[round] ?? median(before))))
    gains.push([`${names[at]}.over-${names[at - 1]}`, gain, after.length])
    const [slow, fast] = [median(of(names[at - 1]!, 'seconds')), median(of(names[at]!, 'seconds'))]
    console.log(
      `${names[at]} against ${names[at - 1]}: ${(100 * (gain - 1)).toFixed(2)} % more tok/s of ESM-2, ${(slow / fast).toFixed(3)} times as fast`,
    )
  }
if (values.record !== undefined) await recordFigures(values.record, onRecord(values.name!, values.command!))

/** Every round of a run that ended, as numbers by their names. */
function roundsOf(stem: string): Record<string, number>[] {
  const files = readdirSync(folder!)
    .filter((file) => new RegExp(`^summary-${stem}(-\\d+)?\\.json$`).test(file))
    .sort()
  if (files.length === 0) fail(`${folder}: no run ${stem} has ended`)
  return files.map((file) => numbersOf(file.slice('summary-'.length, -'.json'.length)))
}

function numbersOf(name: string): Record<string, number> {
  const summary = JSON.parse(readFileSync(join(folder!, `summary-${name}.json`), 'utf8')) as Summary
  const { time, counts, computed, stages, recheck } = summary
  const numbers: Record<string, number> = { seconds: time.seconds }
  if (counts.records !== undefined) numbers['reads/s'] = counts.records / time.seconds
  const models = stages.filter((stage) => stage.name in computed)
  const [first, last] = [
    Math.min(...models.map((each) => each.start)),
    Math.max(...models.map((each) => each.end)),
  ]
  numbers['s outside of batches'] = time.seconds - (last - first)
  for (const [model, { tokens, paddedTokens, sequences, ...spared }] of Object.entries(computed)) {
    const { start = 0, end = 0 } = stages.find((stage) => stage.name === model) ?? {}
    numbers[`${model} sequences`] = sequences
    numbers[`${model} shared`] = spared.sharedSequences ?? 0
    numbers[`${model} reused`] = spared.reusedSequences ?? 0
    numbers[`${model} tok/s`] = tokens / (end - start)
    numbers[`${model} padding %`] = 100 * (1 - tokens / paddedTokens)
  }
  for (const stage of stages) numbers[`${stage.name} s`] = stage.busySeconds
  if (recheck !== undefined && counts.frames !== undefined) {
    numbers['rechecked %'] = (100 * recheck.rechecked) / counts.frames
    numbers['audited %'] = (100 * recheck.audited) / counts.frames
  }
  const busy = busyOf(name)
  if (busy !== undefined) numbers['GPUs busy %'] = 100 * busy
  return numbers
}

/** Mean of the GPUs; undefined without any. */
function busyOf(name: string): number | undefined {
  const path = join(folder!, `busy-${name}.jsonl`)
  if (!existsSync(path)) return undefined
  const shares = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { busy: number }).busy)
  return shares.length === 0 ? undefined : shares.reduce((sum, share) => sum + share, 0) / shares.length
}

function onRecord(stem: string, command: string): Figure[] {
  const origin = {
    hardware: hardwareOf(thisMachine()),
    date: new Date().toISOString().slice(0, 10),
    commit: measuredCommit(),
    command,
  }
  const kept: Record<string, [string, string, Figure['better']]> = {
    seconds: ['seconds', 's', 'lower'],
    'esm2 tok/s': ['esm2-tokens', 'tok/s', 'higher'],
    'dnabert_s tok/s': ['dnabert-s-tokens', 'tok/s', 'higher'],
    's outside of batches': ['outside-of-batches', 's', 'lower'],
    'rechecked %': ['rechecked', '%', 'lower'],
    'GPUs busy %': ['busy', '%', 'higher'],
  }
  const found = names.flatMap((name) =>
    Object.entries(kept).flatMap(([what, [called, unit, better]]) => {
      const all = of(name, what)
      if (all.length === 0) return []
      const spread = all.length > 1 && { low: Math.min(...all), high: Math.max(...all), rounds: all.length }
      return [{ name: `${stem}.${name}.${called}`, value: median(all), unit, ...origin, ...spread, better }]
    }),
  )
  const compared = gains.map(([name, value, rounds]) => {
    return { name: `${stem}.${name}`, value, unit: 'x', ...origin, rounds, better: 'higher' as const }
  })
  return [...found, ...compared]
}
