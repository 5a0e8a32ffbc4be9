import { parseJson } from './json.ts'
import { sha256 } from './sha256.ts'

const KEY = 'checksum'

/** JSON of a state file whose last key is the SHA-256 of the others, so that a flipped bit is noticed. */
export function sealed(value: object, indent?: number): string {
  return JSON.stringify({ ...value, [KEY]: digest(value) }, undefined, indent)
}

/**
 * What `sealed` wrote, without the checksum.
 * @returns undefined for damage; `isSealed` is false where there is no checksum, as in states of version 0.1.0
 */
export function unsealed(text: string): { value: Record<string, unknown>; isSealed: boolean } | undefined {
  let value: unknown
  try {
    value = parseJson(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const { [KEY]: checksum, ...rest } = value as Record<string, unknown>
  if (checksum === undefined) return { value: rest, isSealed: false }
  return checksum === digest(rest) ? { value: rest, isSealed: true } : undefined
}

function digest(value: object): string {
  return sha256(JSON.stringify(value))
}
