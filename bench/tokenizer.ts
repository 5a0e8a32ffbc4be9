import { existsSync } from 'node:fs'
import { shared } from '../test/support/shared.ts'

/** Path of DNABERT-S's tokenizer.json: from VIRNUCPRO_TOKENIZER, else from the reference data beside the checkout. */
export function tokenizerPath(): string {
  const path = process.env.VIRNUCPRO_TOKENIZER ?? shared('tokenizer', 'dnabert-s', 'tokenizer.json')
  if (existsSync(path)) return path
  console.error(`${path} not found: set VIRNUCPRO_TOKENIZER to the tokenizer.json of DNABERT-S`)
  process.exit(1)
}
