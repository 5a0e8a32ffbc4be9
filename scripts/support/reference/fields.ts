import * as v from 'valibot'
import { code, table } from './markdown.ts'

// The fields of JSON files, from the schemas that the program itself checks them with.

type Schema = v.GenericSchema & {
  readonly wrapped?: Schema
  readonly entries?: Readonly<Record<string, Schema>>
  readonly item?: Schema
  readonly items?: readonly Schema[]
  readonly value?: Schema
  readonly options?: readonly unknown[]
  readonly literal?: unknown
  readonly pipe?: readonly Readonly<{ kind: string; type: string }>[]
}

interface Field {
  readonly path: string
  readonly type: string
  readonly meaning: string
  readonly children: readonly Field[]
}

/**
 * A row for each field of an object; fields below several others with equal ones stand once, below `*`.
 *
 * @param meanings - of fields about which the schema itself says nothing: by the end of their path, the longest that fits
 */
export function fieldTable(
  schema: v.GenericSchema,
  what: string,
  meanings: Readonly<Record<string, string>> = {},
): string {
  const used = new Set<string>()
  const meaningOfPath = (path: string) => {
    const ends = Object.keys(meanings).filter((end) => path === end || path.endsWith(`.${end}`))
    const [longest = ''] = ends.sort((a, b) => b.length - a.length)
    used.add(longest)
    return meanings[longest] ?? ''
  }
  const fields = flat(fieldsOf(schema as Schema, '', meaningOfPath))
  const silent = fields.filter(({ meaning }) => meaning === '').map(({ path }) => path)
  if (silent.length > 0) throw new Error(`${what}: nothing says what ${silent.join(', ')} means`)
  const unused = Object.keys(meanings).filter((end) => !used.has(end))
  if (unused.length > 0) throw new Error(`${what} has no ${unused.join(', ')}`)
  return table(
    ['field', 'type', 'meaning'],
    fields.map(({ path, type, meaning }) => [code(path), type, meaning]),
  )
}

/** Every field, each before those below it. */
function flat(fields: readonly Field[]): Field[] {
  return fields.flatMap((field, at) => {
    const { path, children } = field
    const alike = fields.filter((each) => signature(each) === signature(field))
    if (children.length === 0 || alike.length === 1) return [field, ...flat(children)]
    if (fields.indexOf(alike.at(-1) as Field) !== at) return [field]
    const above = path.slice(0, path.lastIndexOf('.') + 1)
    return [
      field,
      ...flat(children).map((each) => ({
        ...each,
        path: `${above}*${each.path.slice(path.length)}`,
        type: each.type.replace(LITERAL, 'word'),
      })),
    ]
  })
}

/** A field that says what the object is: another word in each of several. */
const LITERAL = /^`".*"`$/

/** What is below a field, whatever the field itself is called. */
function signature({ path, children }: Field): string {
  return flat(children)
    .map((each) => `${each.path.slice(path.length)} ${each.type.replace(LITERAL, '')} ${each.meaning}`)
    .join('\n')
}

function fieldsOf(schema: Schema, prefix: string, otherwise: (path: string) => string): Field[] {
  const { entries } = bare(schema)
  return Object.entries(entries ?? {}).map(([name, each]) => {
    const inner = bare(each)
    const list = inner.type === 'array' ? '[]' : ''
    const path = `${prefix}${name}${list}`
    const children = fieldsOf(list === '' ? inner : (inner.item as Schema), `${path}.`, otherwise)
    return { path, type: typeOf(each), meaning: meaningOf(each) || otherwise(path), children }
  })
}

/** Without what says that it may be absent. */
function bare(schema: Schema): Schema {
  return schema.wrapped === undefined ? schema : bare(schema.wrapped)
}

function meaningOf(schema: Schema): string {
  return v.getDescription(schema) ?? (schema.wrapped === undefined ? '' : meaningOf(schema.wrapped))
}

function typeOf(schema: Schema): string {
  switch (schema.type) {
    case 'optional':
    case 'exact_optional':
      return `${typeOf(schema.wrapped as Schema)}, or absent`
    case 'nullable':
      return `${typeOf(schema.wrapped as Schema)}, or \`null\``
    case 'array':
      return listOf(bare(schema.item as Schema))
    case 'tuple':
      return `list of ${schema.items?.length} ${plural((schema.items as readonly Schema[])[0] as Schema)}`
    case 'picklist':
      return (schema.options ?? []).map((each) => code(String(each))).join(', ')
    case 'literal':
      return code(JSON.stringify(schema.literal))
    default:
      return PLAIN[schema.type]?.(schema) ?? schema.type
  }
}

const PLAIN: Readonly<Record<string, (schema: Schema) => string>> = {
  string: (schema) => (has(schema, 'iso_timestamp') ? 'time' : 'text'),
  number: (schema) => (has(schema, 'integer') || has(schema, 'safe_integer') ? 'whole number' : 'number'),
  boolean: () => 'true or false',
  object: () => 'object',
  loose_object: () => 'object',
  strict_object: () => 'object',
  record: () => 'object',
  unknown: () => 'any',
}

function has(schema: Schema, action: string): boolean {
  return (schema.pipe ?? []).some(
    (each) => each.type === action || ('pipe' in each && has(each as unknown as Schema, action)),
  )
}

function listOf(item: Schema): string {
  return `list of ${plural(item)}`
}

function plural(item: Schema): string {
  if (item.type === 'picklist') return typeOf(item)
  const type = typeOf(item)
  return type === 'text' ? 'texts' : `${type}s`
}
