import { type ModelName, modelOf } from '../bundle/index.ts'
import type { LanguageModels } from '../predict/index.ts'

/** Some of the models, with columns of their own. */
export function only(models: LanguageModels, names: readonly ModelName[]): LanguageModels {
  let columns = 0
  const inputs = models.inputs
    .filter(({ model }) => names.includes(modelOf(model)))
    .map((input) => {
      const column = columns
      columns += models.widths[modelOf(input.model)]
      return { ...input, column }
    })
  return { ...models, inputs }
}
