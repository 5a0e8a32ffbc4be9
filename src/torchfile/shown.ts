import { foreign } from '../system/printable.ts'

const LETTERS = 100

/**
 * A value of a file, for a message. Collections are not written out: a few bytes of a pickle can name lists inside lists
 * that would fill any memory as text.
 */
export function shown(value: unknown): string {
  if (value instanceof Map) return 'a dict'
  if (value instanceof Set) return 'a set'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'an object'
  return foreign(String(value), LETTERS)
}
