import { FEATURE_ORDER, MODELS, PRECISIONS } from '../bundle/index.ts'
import { columns } from '../text/columns.ts'
import { bytes, compact, estimate as duration, integer, percent, plural } from '../text/numbers.ts'
import type { Estimate, WayEstimate } from './estimate.ts'
import { RECHECKED } from './time.ts'
import type { SpeedSource } from './ways.ts'

const SOURCES: Readonly<Record<SpeedSource, string>> = {
  runs: 'earlier runs',
  probe: 'a short test',
  layers: 'a test of some layers',
  tuning: 'tuning of the plans',
  product: 'a product of matrices',
}

/** Lines for people. @param inputs - as typed */
export function renderEstimate(found: Estimate, inputs: readonly string[]): string[] {
  return [
    `${inputs.join(', ')}: ${basisOf(found)}`,
    '',
    ...columns(countsOf(found), [1]),
    '',
    ...timesOf(found.ways),
    '',
    ...columns(diskOf(found), [1]),
  ]
}

function basisOf({ input }: Estimate): string {
  const { basis, share, uncertainty, bytes: size } = input
  const all = size === undefined ? '' : `${bytes(size)}, `
  if (basis === 'whole') return `${all}counted whole`
  const where = basis === 'start' ? 'at its start' : 'from all over it'
  return `${all}${percent(share, 1)} ${where} counted; tokens may be ${Math.ceil(100 * uncertainty)} % more or less`
}

function countsOf({ figures, models, input }: Estimate): string[][] {
  const { records, filteredRecords, bases, chunks, chunksWithoutFrame, frames } = figures
  const about = input.basis === 'whole' ? '' : 'about '
  const rows: [string, number, string?][] = [
    ['records', records, filteredRecords > 0 ? `${integer(filteredRecords)} filtered` : ''],
    ['bases', bases],
    ['chunks', chunks, `${integer(chunksWithoutFrame)} without an open frame`],
    ['open frames', frames],
    ...FEATURE_ORDER.map((model): [string, number, string] => {
      const { tokens, sequences } = models[model]
      return [`tokens of ${MODELS[model].label}`, tokens, `in ${plural(sequences, 'different sequence')}`]
    }),
  ]
  return rows.map(([name, count, more = '']) => [`  ${name}`, about + integer(count), more])
}

function timesOf(ways: readonly WayEstimate[]): string[] {
  if (ways.length === 0) return ['  Nothing on this machine is set up to compute this bundle.']
  const rows = ways.map((way) => [
    `  ${placeOf(way)}`,
    precisionOf(way),
    way.seconds === undefined ? 'unknown' : duration(way.seconds),
    way.range === undefined ? '' : `${duration(way.range[0])} to ${duration(way.range[1])}`,
    way.speedFrom === undefined ? 'no speed is known' : SOURCES[way.speedFrom],
    workOf(way),
  ])
  return columns([['  computed by', 'precision', 'time', 'range', 'estimated from', 'work'], ...rows])
}

/** `2 × NVIDIA H200`, `this process, 8 threads`. */
function placeOf({ kind, devices, servers, threads }: WayEstimate): string {
  if (kind === 'process') return `this process, ${plural(threads ?? 1, 'thread')}`
  if (kind === 'server') return `the running server at ${servers.join(', ')}`
  return devices.map(({ name, count }) => (count === 1 ? name : `${count} × ${name}`)).join(' and ')
}

function precisionOf({ precision, fused }: WayEstimate): string {
  const { label } = PRECISIONS[precision]
  return fused ? `${label}, fused attention` : label
}

function workOf({ batches, parts }: WayEstimate): string {
  const all = FEATURE_ORDER.reduce((sum, model) => sum + batches[model].paddedTokens, 0)
  if (all === 0) return ''
  const twice = parts !== undefined && parts.rechecking > 0
  return `${compact(all)} tokens with padding${twice ? `, about ${100 * RECHECKED} % of them twice` : ''}`
}

function diskOf({ disk }: Estimate): string[][] {
  const kept = ['', bytes(disk.intermediates), 'part files and `.pt` files']
  return [
    ['  disk', bytes(disk.results), 'tables and report'],
    ...(disk.intermediates > 0 ? [kept] : []),
    ['', bytes(disk.working), 'at most in addition, while it runs'],
  ]
}
