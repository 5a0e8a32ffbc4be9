import { writeSafetensors } from '../../torchfile/index.ts'
import { bytesOf, type Content, type Write } from './format.ts'

/**
 * A tensor F32 [rows, width] for each model under its name, and `ids`, U8: the ids in UTF-8, a line each. An id has no line
 * end of any kind.
 */
export const writeAsSafetensors: Write = async (sink, content) => {
  let bytes = 0
  for await (const lines of linesOf(content)) bytes += lines.length
  await writeSafetensors(
    (chunk) => sink.write(chunk),
    [
      { name: 'ids', dtype: 'U8', shape: [bytes], content: () => linesOf(content) },
      ...content.models.map((model) => ({
        name: model,
        dtype: 'F32' as const,
        shape: [content.rows, content.widths[model]],
        async *content() {
          for await (const { vectors } of content.read([model])) yield bytesOf(vectors.get(model)!)
        },
      })),
    ],
    content.metadata,
  )
}

async function* linesOf(content: Content): AsyncGenerator<Uint8Array> {
  for await (const { ids } of content.read([])) yield Buffer.from(ids.map((id) => `${id}\n`).join(''))
}
