import * as v from 'valibot'
import { UsageError } from '../system/errors.ts'
import { fileKey } from './names.ts'
import type { Given } from './origins.ts'
import { type AnySettingName, isSecret, type Settings, schema } from './schema.ts'

/** One or more values are not what their settings take; `issues` has one line for each. */
export class InvalidSettingsError extends UsageError {
  readonly issues: string[]

  constructor(issues: string[]) {
    super(issues)
    this.issues = issues
  }
}

/**
 * Validates the merged values, all at once.
 * @throws {InvalidSettingsError} with `--flag: expected …, got …` (or the variable, or file and key) for each bad value.
 */
export function validate(given: ReadonlyMap<AnySettingName, Given>): Settings {
  const raw: Record<string, unknown> = {}
  for (const [name, { value }] of given) raw[name] = value
  const result = v.safeParse(schema, raw)
  if (result.success) return result.output
  const messages = new Map<string, string>()
  for (const issue of result.issues) {
    const name = String(issue.path?.[0]?.key ?? '')
    // The first issue of a setting is the one about its form; what follows from it adds nothing.
    if (!messages.has(name)) messages.set(name, line(name, issue.message, given))
  }
  throw new InvalidSettingsError([...messages.values()])
}

function line(name: string, message: string, given: ReadonlyMap<AnySettingName, Given>): string {
  const source = given.get(name as AnySettingName)
  if (source === undefined) return `${fileKey(name)}: ${message}`
  const { file, name: label } = source.origin
  const value = JSON.stringify(source.value)
  const got = isSecret(name) || mayHoldSecret(name, value) ? '' : `, got ${value}`
  return `${file === undefined ? '' : `${file}: `}${label}: ${message}${got}`
}

/** An address of a server is refused with a user name or a query in it, also where the rest of it is not right. */
function mayHoldSecret(name: string, value: string): boolean {
  return (name === 'triton' || name === 'tritonMetrics') && /[@?]/.test(value)
}
