import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'

/** Templates and Python code of the models: `model_repository/` at the top of the package. */
const TEMPLATES = resolve(import.meta.dir, '../../../model_repository')

export function templatePath(...parts: string[]): string {
  return join(TEMPLATES, ...parts)
}

/**
 * Reads a template and puts values in place of `{{name}}`.
 *
 * @throws when the template names a value that is not given, or one given is not named: both are defects of this program
 */
export async function renderTemplate(
  path: string,
  values: Readonly<Record<string, string | number>>,
): Promise<string> {
  const used = new Set<string>()
  const text = (await readFile(path, 'utf8')).replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name]
    if (value === undefined) throw new Error(`${path} wants a value for ${name}`)
    used.add(name)
    return String(value)
  })
  const unused = Object.keys(values).filter((name) => !used.has(name))
  if (unused.length > 0) throw new Error(`${path} does not use ${unused.join(', ')}`)
  return text
}
