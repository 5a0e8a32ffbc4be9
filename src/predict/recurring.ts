import type { HostedName } from '../bundle/index.ts'
import { KEY_BYTES } from '../checkpoint/index.ts'
import { KeyFilter, WORDS } from './key-filter.ts'
import type { ModelInput } from './model-input.ts'
import type { Part } from './part.ts'

/** Whether a sequence occurs in more than one part of an input; now and then one that does not seems to. */
export type Recurs = (model: HostedName, key: Uint32Array) => boolean

/** The SHA-256 of a sequence as 32-bit words. */
export function wordsOf(key: Uint8Array): Uint32Array {
  return new Uint32Array(key.buffer, key.byteOffset, key.length / 4)
}

/**
 * Finds the sequences that occur in more than one part. Memory has a bound, whatever the length of the input: 179 MB for each model
 * from 90 million sequences on, and a million take some 3 MB.
 */
export async function findRecurring(
  parts: AsyncIterable<Part>,
  inputs: readonly Pick<ModelInput, 'model' | 'sequences'>[],
): Promise<Recurs> {
  const found = new Map(inputs.map(({ model }) => [model, { seen: new KeyFilter(), again: new KeyFilter() }]))
  for await (const part of parts) {
    for (const input of inputs) {
      const { seen, again } = found.get(input.model)!
      const keys = keysOf(input.sequences(part))
      for (let at = 0; at < keys.length; at += WORDS) if (seen.has(keys, at)) again.add(keys, at)
      // After all of them: what occurs twice in one part is computed once anyway.
      for (let at = 0; at < keys.length; at += WORDS) seen.add(keys, at)
    }
  }
  const recurring = new Map(Array.from(found, ([model, { again }]) => [model, again]))
  return (model, key) => recurring.get(model)?.has(key) === true
}

/** [n * 4]: the first words of the SHA-256 of each sequence. */
function keysOf(sequences: readonly Uint8Array[]): Uint32Array {
  const keys = new Uint32Array(WORDS * sequences.length)
  const one = new Uint32Array(KEY_BYTES / 4)
  const bytes = new Uint8Array(one.buffer)
  for (const [i, sequence] of sequences.entries()) {
    Bun.SHA256.hash(sequence, bytes)
    for (let word = 0; word < WORDS; word++) keys[WORDS * i + word] = one[word]!
  }
  return keys
}
