// What a run over an input will take on this machine: counts of its work, times and disk, before anything is computed.

export type { Counts } from './count.ts'
export { type MeasuredInput, type MeasureOptions, measureInput } from './input.ts'
export { type QuickEstimate, type QuickOptions, quickEstimate } from './quick.ts'
