// What a run is asked to do: the only configuration type the pipeline reads.

export { broadKeys, ignoredBroadKeys } from './broad-keys.ts'
export { CONFIG_FILE_NAMES } from './file.ts'
export { environmentName, fileKey } from './names.ts'
export { compareOrigins, describeOrigin, type Given, type Origin } from './origins.ts'
export type { PredictOptions } from './predict-options.ts'
// Merging of flags, environment, file and defaults, with the origin of each value.
export { type Configuration, type ConfigurationRequest, resolveConfiguration } from './resolve.ts'
// Names: one setting, three spellings. The documentation test and `virnucpro config` go through them all.
export { isSecret, keptSecret, type SettingName, type Settings, settingNames } from './schema.ts'
// Did-you-mean.
export { toPredictOptions } from './to-predict-options.ts'
export { InvalidSettingsError } from './validate.ts'
