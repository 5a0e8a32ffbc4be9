// Embeddings alone: of frames, chunks or whole records, into a file or one by one.

import type { EmbedContext, EmbedFileOptions, EmbedFileResult } from './context.ts'

// What goes together.
export { EMBED_KINDS, type EmbedChoice, type EmbedKind, modelsFor, TOO_LONG, type TooLong } from './choice.ts'
export type { EmbedContext, EmbedFileOptions, EmbedFileResult } from './context.ts'
export { formatOf } from './formats/index.ts'

/** See `embedFile` in file.ts, which is loaded when it is called. */
export async function embedFile(options: EmbedFileOptions, context: EmbedContext): Promise<EmbedFileResult> {
  return await (await import('./file.ts')).embedFile(options, context)
}

export type { EngineOptions } from './engine.ts'
export type {
  ClassifiedFrame,
  ClassifyOptions,
  Embedded,
  EmbedOptions,
  SequenceInput,
  SequenceInputs,
} from './library.ts'

/** Embeddings and calls one by one, loaded when it is needed. */
export const library = () => import('./library.ts')
