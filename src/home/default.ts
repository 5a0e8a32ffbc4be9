import type { HomeRecord } from './record.ts'

/** The record with another default bundle, and with that one's weight files where they are known; those of the old one are kept. */
export function chooseDefault(record: HomeRecord, bundle: string): HomeRecord {
  const { sources: old, imports, ...rest } = record
  const before = rest.bundle !== undefined && old !== undefined ? { [rest.bundle]: old } : {}
  const all = { ...before, ...imports }
  const sources = all[bundle]
  return { ...rest, bundle, imports: all, ...(sources && { sources }) }
}

/** The record without a bundle that is gone. */
export function forgetBundle(record: HomeRecord, id: string): HomeRecord {
  const { bundle, sources, imports = {}, ...rest } = record
  const { [id]: _, ...others } = imports
  const kept = Object.keys(others).length > 0 ? { imports: others } : {}
  if (bundle === id) return { ...rest, ...kept }
  return { ...rest, ...kept, ...(bundle !== undefined && { bundle }), ...(sources && { sources }) }
}
