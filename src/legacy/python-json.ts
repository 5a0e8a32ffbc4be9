import { formatFloat64 } from '../tables/index.ts'

/** A number that Python holds as a float: 1 is written `1.0`. */
export class PythonFloat {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

export type PythonJson =
  | string
  | number
  | null
  | PythonFloat
  | readonly PythonJson[]
  | { readonly [key: string]: PythonJson }

/** `json.dumps(value, indent=indent)` of Python, without an indent on one line with `, ` and `: `; ASCII only. */
export function pythonJson(value: PythonJson, indent?: number, depth = 0): string {
  if (value === null) return 'null'
  if (typeof value === 'number') return String(value)
  if (typeof value === 'string') return ascii(JSON.stringify(value))
  if (value instanceof PythonFloat) return formatFloat64(value.value)
  const inner = depth + 1
  if (Array.isArray(value)) {
    return block(
      '[]',
      value.map((item: PythonJson) => pythonJson(item, indent, inner)),
      indent,
      depth,
    )
  }
  const items = Object.entries(value).map(
    ([key, item]) => `${pythonJson(key)}: ${pythonJson(item, indent, inner)}`,
  )
  return block('{}', items, indent, depth)
}

function block([open, close]: string, items: string[], indent: number | undefined, depth: number): string {
  if (items.length === 0) return `${open}${close}`
  if (indent === undefined) return `${open}${items.join(', ')}${close}`
  const pad = `\n${' '.repeat(indent * (depth + 1))}`
  return `${open}${pad}${items.join(`,${pad}`)}\n${' '.repeat(indent * depth)}${close}`
}

/** Python escapes every character beyond ASCII, and DEL stays as it is. */
function ascii(text: string): string {
  return text.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
