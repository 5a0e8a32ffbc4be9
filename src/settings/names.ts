/** `outputDir` -> `output_dir`: the spelling in configuration files. */
export function fileKey(setting: string): string {
  return setting.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** `outputDir` -> `VIRNUCPRO_OUTPUT_DIR`: the spelling in the environment. */
export function environmentName(setting: string): string {
  return `VIRNUCPRO_${fileKey(setting).toUpperCase()}`
}
