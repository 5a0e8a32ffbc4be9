import { stat } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { DataError, NoInputError } from '../system/errors.ts'
import { MOST_BYTES, readWithin } from '../system/read-within.ts'
import { cannotRead } from '../system/system-error.ts'
import { fileFault, foldedName, nameFault, type Sample } from './sample.ts'

/** What a sheet says. */
export interface SampleSheet {
  readonly samples: readonly Sample[]
  /** Columns that mean nothing here. */
  readonly ignored: readonly string[]
}

const FILE_COLUMNS = ['fasta', 'fastq_1', 'fastq_2'] as const
type FileColumn = (typeof FILE_COLUMNS)[number]

/** A row by the names of its columns; what is missing at its end is empty. */
interface Row extends Record<'sample' | FileColumn, string> {
  line: number
  /** Fields, the names of the columns not counted. */
  fields: number
}

/** Letters of a row: three paths have some thousand. */
const MAX_ROW = 1 << 20
/** Faults that a message lists. */
const SHOWN = 50

/**
 * Reads a sample sheet as nf-core's pipelines have it: a file of comma-separated values with a header, a column `sample` and columns
 * `fastq_1` and `fastq_2`, or `fasta`. Rows of one sample are its files together. Relative paths start in the current
 * folder, as they do there.
 *
 * @throws DataError with every fault of the sheet and its line, also for names that cannot be those of folders; NoInputError where
 * files cannot be read, and there is no other fault
 */
export async function readSampleSheet(path: string): Promise<SampleSheet> {
  const { columns, rows } = await parse(path, await textOf(path))
  const faults: [line: number, fault: string][] = []
  const unreadable: [line: number, fault: string][] = []
  const samples = new Map<string, { name: string; line: number; inputs: Set<string> }>()
  for (const row of rows) {
    const { line, sample: name } = row
    const rowFaults = faultsOf(row, columns)
    const sample = samples.get(foldedName(name)) ?? { name, line, inputs: new Set() }
    if (sample.name !== name)
      rowFaults.push(
        `the sample of line ${sample.line}, ${JSON.stringify(sample.name)}, differs only in case`,
      )
    for (const file of filesOf(row)) {
      if (sample.inputs.has(file)) rowFaults.push(`${file} is named twice`)
      else sample.inputs.add(file)
      const fault = await fileFault(file)
      if (fault !== undefined) unreadable.push([line, `${of(name)}${fault}${await besideSheet(path, file)}`])
    }
    samples.set(foldedName(name), sample)
    faults.push(...rowFaults.map((fault): [number, string] => [line, `${of(name)}${fault}`]))
  }
  if (rows.length === 0) faults.push([1, 'there is no sample below the header'])
  if (faults.length > 0) throw new DataError(listed(path, [...faults, ...unreadable]))
  if (unreadable.length > 0) throw new NoInputError(listed(path, unreadable))
  const known: readonly string[] = ['sample', ...FILE_COLUMNS]
  return {
    samples: Array.from(samples.values(), ({ name, inputs }) => ({ name, inputs: [...inputs] })),
    ignored: columns.filter((column) => !known.includes(column)),
  }
}

function of(sample: string): string {
  return sample === '' ? '' : `sample ${JSON.stringify(sample)}: `
}

function faultsOf(row: Row, columns: readonly string[]): string[] {
  const { sample, fasta, fastq_1, fastq_2 } = row
  const faults: string[] = []
  const fault = nameFault(sample)
  if (fault !== undefined) faults.push(`this cannot be the name of a sample: ${fault}`)
  if (row.fields > columns.length)
    faults.push(
      `${row.fields} fields, and the header has ${columns.length} columns; quote a field with a comma`,
    )
  if (fastq_1 === '' && fastq_2 !== '') faults.push('fastq_2 without fastq_1')
  if (fasta !== '' && fastq_1 + fastq_2 !== '')
    faults.push('both fasta and fastq files; give them rows of their own')
  if (filesOf(row).length === 0) faults.push('no file')
  return faults
}

function filesOf(row: Row): string[] {
  return FILE_COLUMNS.map((column) => row[column]).filter((file) => file !== '')
}

/** Relative paths are often meant to start beside the sheet. */
async function besideSheet(sheet: string, file: string): Promise<string> {
  if (isAbsolute(file) || file.includes('://') || dirname(sheet) === '.') return ''
  const there = await stat(join(dirname(sheet), file)).catch(() => undefined)
  return there === undefined
    ? ''
    : '. There is one beside the sheet: relative paths start in the current folder'
}

function listed(path: string, faults: readonly [line: number, fault: string][]): string[] {
  const sorted = [...faults].sort(([a], [b]) => a - b)
  const lines = sorted.slice(0, SHOWN).map(([line, fault]) => `  line ${line}: ${fault}`)
  if (sorted.length > SHOWN) lines.push(`  and ${sorted.length - SHOWN} more`)
  return [`${path}: this sample sheet cannot be used as it is. Nothing was computed:`, ...lines]
}

async function textOf(path: string): Promise<string> {
  const found = await stat(path).catch(cannotRead(path))
  if (found.isDirectory()) throw new NoInputError(`${path}: expected a sample sheet, got a folder`)
  const bytes = await readWithin(path, MOST_BYTES.sampleSheet).catch(cannotRead(path))
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new DataError(`${path}: this sample sheet is not text in UTF-8; save it as CSV in UTF-8`)
  }
}

async function parse(path: string, text: string): Promise<{ columns: string[]; rows: Row[] }> {
  // Loaded here: most runs have no sheet.
  const { CsvError, parse: parseCsv } = await import('csv-parse/sync')
  const [first = ''] = text.split(/\r\n?|\n/, 1)
  const delimiter = first.includes('\t') && !first.includes(',') ? '\t' : ','
  let records: { record: string[]; info: { lines: number } }[]
  try {
    records = parseCsv(text, {
      delimiter,
      info: true,
      max_record_size: MAX_ROW,
      // All of them: otherwise what is found first counts, and lines with other ends are one.
      record_delimiter: ['\r\n', '\n', '\r'],
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
    }) as never
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    throw new DataError(`${path}: this sample sheet is not CSV: ${error.message}`)
  }
  const columns = records.shift()?.record ?? []
  const places = new Map<string, number>()
  const twice = columns.find((column, at) => {
    const isKnown = places.has(column)
    if (!isKnown) places.set(column, at)
    return isKnown && column !== ''
  })
  if (twice !== undefined) throw new DataError(listed(path, [[1, `two columns are called ${twice}`]]))
  if (!columns.includes('sample') || !FILE_COLUMNS.some((column) => columns.includes(column))) {
    const found =
      columns.length === 0 ? 'it is empty' : `its columns are ${columns.slice(0, SHOWN).join(', ')}`
    const expected = 'expected a header with the columns sample, fastq_1 and fastq_2, or sample and fasta'
    throw new DataError(listed(path, [[1, `${expected}; ${found}`]]))
  }
  const rows = records
    .filter(({ record }) => record.some((field) => field !== ''))
    .map(({ record, info }) => {
      const field = (column: string) => record[places.get(column) ?? -1] ?? ''
      return {
        line: info.lines,
        fields: record.length,
        sample: field('sample'),
        fasta: field('fasta'),
        fastq_1: field('fastq_1'),
        fastq_2: field('fastq_2'),
      }
    })
  return { columns, rows }
}
