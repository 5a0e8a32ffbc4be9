import * as v from 'valibot'

type AnySchema = v.BaseSchema<unknown, unknown, v.BaseIssue<unknown>>

/**
 * A schema that also says what its value means: Markdown, without the last full stop. docs/reference is made from it.
 * Links start in docs/.
 */
export function described<const Schema extends AnySchema>(meaning: string, schema: Schema) {
  return v.pipe(schema, v.description(meaning))
}
