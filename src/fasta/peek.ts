/**
 * Looks at the first bytes of a stream without disturbing its chunks.
 * @returns up to `wanted` or more bytes of the start, fewer at the end of the data; and all chunks
 */
export async function peek(
  chunks: AsyncGenerator<Uint8Array>,
  wanted: number,
): Promise<{ head: Uint8Array; chunks: AsyncGenerator<Uint8Array> }> {
  const first: Uint8Array[] = []
  let have = 0
  while (have < wanted) {
    const { value, done } = await chunks.next()
    if (done) break
    // Copied when short, as the source may reuse the buffer for the chunk after.
    first.push(value.length < wanted ? value.slice() : value)
    have += value.length
  }
  const head = first.length === 1 ? first[0]! : Buffer.concat(first)
  return { head, chunks: replay(first, chunks) }
}

async function* replay(first: Uint8Array[], rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* first
    yield* rest
  } finally {
    await rest.return(undefined)
  }
}
