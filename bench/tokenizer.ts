import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { fail } from './result.ts'

/**
 * A tokenizer.json for the benches: that of VIRNUCPRO_BENCH_TOKENIZER, else DNABERT-S's own from the reference data beside
 * the checkout, else the small one of the demo bundle.
 */
export function tokenizerPath(): { path: string; name: 'DNABERT-S' | 'demo' } {
  const own = process.env.VIRNUCPRO_BENCH_TOKENIZER
  if (own !== undefined) {
    if (!existsSync(own)) fail(`VIRNUCPRO_BENCH_TOKENIZER: ${own} not found`)
    return { path: own, name: 'DNABERT-S' }
  }
  const reference = resolve(import.meta.dir, '../../shared/tokenizer/dnabert-s/tokenizer.json')
  if (existsSync(reference)) return { path: reference, name: 'DNABERT-S' }
  const demo = resolve(import.meta.dir, '../examples/demo-bundle/dnabert_s/tokenizer.json')
  return { path: demo, name: 'demo' }
}
