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
  if (value instanceof PythonFloat) return formatFloat64(value.value)
  if (value === null || typeof value !== 'object') return ascii(JSON.stringify(value))
  const inner = (item: PythonJson) => pythonJson(item, indent, depth + 1)
  const isList = Array.isArray(value)
  const items = isList
    ? value.map(inner)
    : Object.entries(value).map(([key, item]) => `${pythonJson(key)}: ${inner(item)}`)
  const [open, close] = isList ? '[]' : '{}'
  if (items.length === 0) return `${open}${close}`
  if (indent === undefined) return `${open}${items.join(', ')}${close}`
  const newLine = (level: number) => `\n${' '.repeat(indent * level)}`
  return `${open}${newLine(depth + 1)}${items.join(`,${newLine(depth + 1)}`)}${newLine(depth)}${close}`
}

/** Python escapes every character beyond ASCII, and DEL stays as it is. */
function ascii(text: string): string {
  return text.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
