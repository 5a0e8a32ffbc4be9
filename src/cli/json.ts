import { flag, section } from '../settings/index.ts'
import { printableJson } from '../system/printable.ts'

/** The option of every command whose facts a program may read. */
export const jsonOutput = section('Output', {
  json: flag('print JSON, for [programs](reference/json.md)'),
})

/**
 * What a program reads: one object that says what it is. Within a version of a form nothing is renamed or left out; docs/reference/json.md
 * describes the forms.
 */
export function jsonText(form: string, facts: object): string {
  return `${printableJson({ format: `virnucpro-${form}`, version: 1, ...facts }, 2)}\n`
}

export function printJson(form: string, facts: object): void {
  process.stdout.write(jsonText(form, facts))
}
