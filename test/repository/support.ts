import { createHash } from 'node:crypto'
import { importModels } from '../../src/models/index.ts'
import { shared } from '../support/shared.ts'

/** A bundle of the tiny models that the reference results were made with. */
export async function goldenBundle(output: string): Promise<string> {
  const model = (name: string) => shared('golden', 'tiny_a', 'models', name)
  await importModels({
    esm: model('esm2_t3_tiny.pt'),
    dnabert: model('dnabert_s_tiny_h4'),
    mlp: model('mlp_a_500_model.pth'),
    output,
    precision: 'fp32',
    force: false,
  })
  return output
}

export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
