import { printable, withoutSecrets } from '../system/printable.ts'

/** A piece of HTML or SVG that is safe to put into a page as it is. */
export class Markup {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  toString(): string {
    return this.text
  }
}

type Value = Markup | string | number | undefined | false | readonly Value[]

/**
 * Text with values put in. Names of files, sequences and servers come from outside: all that is not itself made by this
 * function is escaped. Lists are joined; `undefined` and `false` are nothing.
 */
export function html(pieces: TemplateStringsArray, ...values: readonly Value[]): Markup {
  let text = pieces[0] ?? ''
  for (const [i, value] of values.entries()) text += render(value) + (pieces[i + 1] ?? '')
  return new Markup(text)
}

function render(value: Value): string {
  if (value === undefined || value === false) return ''
  if (value instanceof Markup) return value.text
  if (typeof value === 'object') return value.map(render).join('')
  return escaped(String(value))
}

function escaped(text: string): string {
  return Bun.escapeHTML(printable(withoutSecrets(text)))
}
