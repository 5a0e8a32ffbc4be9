// Keeps the figures on record, the lists in bench/results (README.md there).
//   bun bench/record.ts --check [--folder DIR]
//   bun bench/record.ts FILE NAME VALUE UNIT --command 'COMMAND' [--hardware TEXT] [--date DAY] [--commit HASH]
//     [--better higher|lower] [--low N] [--high N] [--rounds N] [--note TEXT]
//   bun bench/record.ts FILE --from DOCUMENT.json --command 'COMMAND' [--commit HASH]
// The first reads all of them and exits with 1 at what is wrong. The second sets one figure, of this machine, today and this
// commit unless said otherwise; the third those of a document that a bench has written with --json.
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { parseDocuments } from './changes.ts'
import {
  allFigures,
  type Figure,
  figuresOfDocument,
  hardwareOf,
  measuredCommit,
  recordFigures,
} from './figures.ts'
import { thisMachine } from './machine.ts'
import { fail } from './result.ts'

const TEXTS = ['command', 'hardware', 'date', 'commit', 'better', 'note'] as const
const NUMBERS = ['low', 'high', 'rounds'] as const
const text = { type: 'string' } as const
const options = Object.fromEntries([...TEXTS, ...NUMBERS, 'from'].map((name) => [name, text]))

try {
  const { values, positionals } = parseArgs({
    options: { ...options, check: { type: 'boolean' }, folder: text },
    allowPositionals: true,
  })
  await (values.check === true ? check(values.folder) : record(values, positionals))
} catch (error) {
  fail((error as Error).message)
}

async function check(folder?: string): Promise<void> {
  try {
    console.log(`${(await allFigures(folder)).size} figures`)
  } catch (error) {
    console.error(`error: ${(error as Error).message}`)
    process.exitCode = 1
  }
}

async function record(values: Readonly<Record<string, unknown>>, positionals: string[]): Promise<void> {
  const [file, name, value, unit, ...more] = positionals
  const wanted = values.from === undefined ? 4 : 1
  if (positionals.length !== wanted || more.length > 0)
    throw new Error('expected FILE NAME VALUE UNIT, or FILE --from DOCUMENT.json')
  if (typeof values.command !== 'string') throw new Error('--command says how the figure was measured')
  const given = {
    ...Object.fromEntries(TEXTS.flatMap((key) => (values[key] === undefined ? [] : [[key, values[key]]]))),
    ...Object.fromEntries(
      NUMBERS.flatMap((key) => (values[key] === undefined ? [] : [[key, Number(values[key])]])),
    ),
  }
  const commit = (values.commit as string | undefined) ?? measuredCommit()
  if (typeof values.from === 'string') {
    await recordFigures(file!, [...(await figuresOfFile(values.from, commit, given))])
    return
  }
  const machine = values.hardware === undefined ? { hardware: hardwareOf(thisMachine()) } : {}
  const date = new Date().toISOString().slice(0, 10)
  const number = value!.trim() === '' ? Number.NaN : Number(value)
  await recordFigures(file!, [
    { name: name!, value: number, unit: unit!, ...machine, date, commit, ...given } as Figure,
  ])
}

async function figuresOfFile(path: string, commit: string, given: object): Promise<Figure[]> {
  const documents = parseDocuments(await readFile(path, 'utf8'), path)
  return documents.flatMap((document) => {
    const origin = { hardware: hardwareOf(document.machine), date: document.date.slice(0, 10), commit }
    return figuresOfDocument(document, { ...origin, ...given } as never)
  })
}
