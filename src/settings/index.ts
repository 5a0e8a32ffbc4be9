/** The options of every command and the configuration of a run: one table, and where each value came from. */

export { broadOptions, ignoredBroadKeys } from './broad.ts'
export { type Given, given } from './effective.ts'
export {
  environmentName,
  fileKey,
  flag,
  hasNegation,
  isOn,
  longNames,
  type Option,
  type Options,
  option,
  pick,
  section,
  type Values,
} from './option.ts'
// The only configuration type the pipeline reads.
export { type PredictOptions, toPredictOptions, tritonAccess } from './predict-options.ts'
export { completeOptions, type PredictRequest } from './request.ts'
// Command line, environment, file and defaults merged, with the origin of each value.
export { type Configuration, resolveConfiguration } from './resolve.ts'
// THE table.
export {
  CPU_TOKEN_BUDGET,
  DEFAULT_REUSE_DISK,
  fileOnlySettings,
  type SettingName,
  type Settings,
  settingNames,
  settings,
} from './table.ts'
export { ascending, duration, gpus, numberFrom, oneOf, someOf, text, wholeNumber } from './values.ts'
