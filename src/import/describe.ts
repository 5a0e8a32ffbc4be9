import type { ModelName, SourceRecord } from '../bundle/index.ts'
import { FUSED_SIZES } from './graphs/fused-attention.ts'
import { type LanguageShape, OPENERS } from './open.ts'
import { recordSources } from './weights/provenance.ts'

/** What weight files hold. */
export interface WeightFacts extends Pick<LanguageShape, 'layers' | 'width' | 'heads' | 'hidden'> {
  /** As a bundle that is made of them records it. */
  readonly source: SourceRecord
}

/** Reads all of a model's weight files, for their checksums. @throws ModelError when they are not those of the model */
export async function describeWeights(
  name: ModelName,
  path: string,
  signal?: AbortSignal,
): Promise<WeightFacts> {
  await using model = await OPENERS[name](path)
  const { layers, width, heads, hidden } = model.shape
  return { layers, width, heads, hidden, source: await recordSources(model.files, model.licence, signal) }
}

/** Whether our kernel of attention takes the heads of a model. */
export function hasKernel({ width, heads }: Pick<LanguageShape, 'width' | 'heads'>): boolean {
  return FUSED_SIZES.includes(width / heads)
}
