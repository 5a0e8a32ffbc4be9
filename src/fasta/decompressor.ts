import type { Transform } from 'node:stream'

/**
 * What a decompressor gives while `feed` writes to it.
 *
 * @param inWords - makes an error for the user of one of the decompressor
 * @throws what `feed` throws before anything of the decompressor
 */
export async function* decompressed(
  stream: Transform,
  feed: () => Promise<void>,
  inWords: (error: unknown) => unknown,
): AsyncGenerator<Uint8Array> {
  stream.on('error', () => {}) // thrown to the reader below; here it must not be an uncaught event
  let failure: unknown
  const feeding = feed().catch((error: Error) => {
    failure = error
    stream.destroy(error)
  })
  try {
    for await (const chunk of stream) yield chunk as Uint8Array
    await feeding
    if (failure !== undefined) throw failure
  } catch (error) {
    throw failure ?? inWords(error)
  } finally {
    stream.destroy()
  }
}
