/** Whether all that a result says stands in the file. */
export function isSubset(found: unknown, value: unknown): boolean {
  if (typeof found !== 'object' || found === null) return Object.is(found, value)
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(found) && (found.length !== (value as unknown[]).length || !Array.isArray(value)))
    return false
  return Object.entries(found).every(([key, each]) => isSubset(each, (value as Record<string, unknown>)[key]))
}
