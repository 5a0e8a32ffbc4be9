/** Token ids of proteins for ESM-2, in batches of at most 2,048 padded tokens. Usage: node batches.ts PROTEIN... */
import { dedupe, padBatch, planBatches } from 'virnucpro/batching'
import { EsmAlphabet } from 'virnucpro/tokenizers'

const alphabet = new EsmAlphabet()
const proteins = process.argv.slice(2).map((text) => new TextEncoder().encode(text))
const rows = Array.from(dedupe(proteins).unique, (place) => alphabet.encode(proteins[place] as Uint8Array))
const lengths = rows.map((row) => row.length)
for (const { members } of planBatches(lengths, { tokenBudget: 2048 })) {
  const batch = padBatch(
    Array.from(members, (place) => rows[place] as Int32Array),
    alphabet.padId,
  )
  console.log(`${batch.rows} of ${batch.paddedLength} tokens: ${batch.inputIds.join(' ')}`)
}
