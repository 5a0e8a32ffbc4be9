/**
 * Measures `predict` with inputs of the sizes that the page on reliability names; takes an hour or so.
 * Usage: bun test/e2e/memory/full.ts [--record] [PART OF A NAME …]
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { GROWING } from './inputs.ts'
import { measure } from './support.ts'

const RECORD = resolve(import.meta.dir, '../../reliability/records/memory.json')
const PREDICT = 'predict - --bundle demo --no-progress --prefix in --output-dir out'.split(' ')

const wanted = process.argv.slice(2).filter((word) => !word.startsWith('--'))
const isRecord = process.argv.includes('--record')
for (const { name, words, content, full } of GROWING) {
  if (wanted.length > 0 && !wanted.some((word) => name.includes(word))) continue
  await using folder = temporaryFolder()
  const { code, peak, seconds } = await measure(folder.path, [...PREDICT, ...words], content(full))
  console.log(`${full} ${name}: exit code ${code}, ${peak} MB, ${Math.round(seconds)} s`)
  if (!isRecord) continue
  let known: Record<string, object> = {}
  try {
    known = JSON.parse(readFileSync(RECORD, 'utf8'))
  } catch {
    // The first one.
  }
  known[name] = {
    size: full,
    peakMb: peak,
    seconds: Math.round(seconds),
    date: new Date().toISOString().slice(0, 10),
  }
  writeFileSync(RECORD, `${JSON.stringify(known, null, 2)}\n`)
}
