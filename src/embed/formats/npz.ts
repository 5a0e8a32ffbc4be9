import { writeNpz } from '../../torchfile/index.ts'
import { bytesOf, type Content, type Write } from './format.ts'

/** Bytes of a letter in numpy's texts. */
const LETTER_BYTES = 4

/**
 * `ids`, texts [rows]; an array float32 [rows, width] for each model under its name; and `metadata`, a text without a dimension
 * that holds JSON.
 */
export const writeAsNpz: Write = async (sink, content) => {
  let longest = 1
  for await (const { ids } of content.read([]))
    for (const id of ids) longest = Math.max(longest, [...id].length)
  const metadata = JSON.stringify(content.metadata)
  await writeNpz(
    (chunk) => sink.write(chunk),
    [
      { name: 'ids', descr: `<U${longest}`, shape: [content.rows], content: () => idsOf(content, longest) },
      ...content.models.map((model) => ({
        name: model,
        descr: '<f4',
        shape: [content.rows, content.widths[model]],
        async *content() {
          for await (const { vectors } of content.read([model])) yield bytesOf(vectors.get(model)!)
        },
      })),
      {
        name: 'metadata',
        descr: `<U${[...metadata].length}`,
        shape: [],
        content: () => [texts([metadata], [...metadata].length)],
      },
    ],
  )
}

async function* idsOf(content: Content, length: number): AsyncGenerator<Uint8Array> {
  for await (const { ids } of content.read([])) yield texts(ids, length)
}

/** As numpy holds them: code points, filled up with zeros. */
function texts(values: readonly string[], length: number): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(values.length * length * LETTER_BYTES))
  for (const [row, value] of values.entries())
    for (const [at, letter] of [...value].entries())
      bytes.setUint32((row * length + at) * LETTER_BYTES, letter.codePointAt(0) ?? 0, true)
  return new Uint8Array(bytes.buffer)
}
