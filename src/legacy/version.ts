/** The version of a file that does not say one. */
export const UNVERSIONED = '0.x'

/**
 * Why a file of this version cannot be read, undefined where it can: everything up to 1.x can.
 * Broad's fork draws the same line.
 */
export function versionProblem(version: unknown): string | undefined {
  if (version === undefined) return undefined
  const major = typeof version === 'string' ? /^(\d{1,9})(\.|$)/.exec(version)?.[1] : undefined
  if (major === undefined) return `has the version ${printable(version)}, expected one like 1.0`
  if (Number(major) <= 1) return undefined
  return `has the version ${version}, which is newer than the 1.x this program reads; it needs virnucpro ${major}.0.0 or later`
}

export function versionText(version: unknown): string {
  return version === undefined ? UNVERSIONED : printable(version)
}

function printable(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value).slice(0, 40) : 'of no text'
}
