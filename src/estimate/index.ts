// What a run over an input will take on this machine: counts of its work, times and disk, before anything is computed.

// The whole of it.
export { type Estimate, type EstimateOptions, estimate, type WayEstimate } from './estimate.ts'
// What is counted.
export { type MeasuredInput, type MeasureOptions, measureInput } from './input.ts'
// Speeds of this machine.
export { isSpeedKnown, measureSpeed } from './measure.ts'
export { type QuickEstimate, type QuickOptions, quickEstimate } from './quick.ts'
export { renderEstimate } from './render.ts'
export { servedKey, serverNames } from './servers.ts'
export {
  type MeasuredRun,
  modelsOf,
  processorName,
  rememberRun,
  type SpeedOf,
  speedHere,
  tellsSpeed,
} from './speeds.ts'
export { programSeconds } from './time.ts'
