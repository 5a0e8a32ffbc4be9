import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { readText } from '../../system/read-within.ts'
import type { Plan } from './plans.ts'

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
  const text = (await readText(path)).replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name]
    if (value === undefined) throw new Error(`${path} wants a value for ${name}`)
    used.add(name)
    return String(value)
  })
  const unused = Object.keys(values).filter((name) => !used.has(name))
  if (unused.length > 0) throw new Error(`${path} does not use ${unused.join(', ')}`)
  return text
}

/** A string of the text format of protobuf, with its quotes. */
export function quote(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"`
}

/** Shapes that the plans of a model take, ROWSxTOKENS,...; empty for any. */
export function shapesOf(plans: readonly Plan[]): string {
  return (plans[0]?.sidecar.profiles ?? []).map(({ max }) => max.join('x')).join(',')
}

/**
 * Parameters that tell clients what a batch may be, as entries of `parameters`.
 *
 * @param tuned the token budget that was found best
 */
export function limitEntries(plans: readonly Plan[], tuned: number | undefined): string {
  const parameter = (key: string, value: string) =>
    `  { key: ${quote(key)} value: { string_value: ${quote(value)} } }`
  const shapes = `  # Most rows of batches up to so many tokens long, ROWSxTOKENS,...; larger ones are refused.
${parameter('shapes', shapesOf(plans))}`
  if (tuned === undefined) return shapes
  return `${shapes},
  # Padded tokens of a batch that tuning found best.
${parameter('token_budget', String(tuned))}`
}

/** The parameter of a partner, after another one; nothing for any other model. @param statement see `statementText` */
export function recheckEntry(statement: string | undefined): string {
  if (statement === undefined) return ''
  return `
  # The quantized model that it rechecks, and how far the two are apart: by classifier, for rows of up to so many tokens.
  { key: "recheck" value: { string_value: ${quote(statement)} } },`
}

/** Rows and tokens of a row. */
export type BatchShape = readonly [rows: number, tokens: number]

/**
 * Entries of `model_warmup`, one for each shape. The tensors come from files: all zeros would be rows without a token, and
 * random numbers no ids.
 */
export function warmupEntries(shapes: readonly BatchShape[]): string {
  return shapes
    .map(([rows, tokens]) => {
      const name = `${rows}x${tokens}`
      const tensor = (input: string, dims: string) =>
        `    inputs { key: ${quote(input)} value: { data_type: TYPE_INT32 dims: [ ${dims} ] input_data_file: ${quote(`${name}_${input}`)} } }`
      return `  {
    name: ${quote(name)}
    batch_size: 1
${tensor('input_ids', `${rows}, ${tokens}`)}
${tensor('lengths', `${rows}`)}
  }`
    })
    .join(',\n')
}

/** Writes the files that the entries name, little-endian INT32, into the folder where the server looks for them. */
export async function writeWarmup(folder: string, shapes: readonly BatchShape[], id: number): Promise<void> {
  for (const [rows, tokens] of shapes) {
    const stem = join(folder, `${rows}x${tokens}`)
    await writeFile(`${stem}_input_ids`, new Int32Array(rows * tokens).fill(id))
    await writeFile(`${stem}_lengths`, new Int32Array(rows).fill(tokens))
  }
}
