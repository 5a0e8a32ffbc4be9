import { alternativesOf, type BenchDocument, type Result } from './result.ts'

/** Prints a document as one table: name, median, spread, and what it was compared with. */
export function printTable(document: BenchDocument): void {
  console.log(renderTable(document))
}

export function renderTable({ bench, results, settings, machine }: BenchDocument): string {
  const rows = results.flatMap(rowsOf)
  const wanted = rows.some((row) => row[3] !== '') ? 6 : 3
  const header = ['', 'median', 'lowest to highest', 'compared with', 'its median', 'ratio'].slice(0, wanted)
  const all = [header, ...rows.map((row) => row.slice(0, wanted))]
  const widths = header.map((_, at) => Math.max(...all.map((row) => row[at]!.length)))
  const lines = all.map((row) =>
    row
      .map((cell, at) => (at === 0 || at === 3 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!)))
      .join('  ')
      .trimEnd(),
  )
  const notes = results.flatMap(({ name, note }) => (note === undefined ? [] : [`  ${name}: ${note}`]))
  const gpus = machine.gpus.length > 0 ? `, ${machine.gpus.length} GPU(s): ${machine.gpus[0]}` : ''
  const where = `${machine.cpu}, ${machine.cores} cores${gpus}`
  const how = settings.quick === true ? '; QUICK: these figures mean nothing' : ''
  return [`${bench}  (${where}${how})`, ...lines, ...notes, ''].join('\n')
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
