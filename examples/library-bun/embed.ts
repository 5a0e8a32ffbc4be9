/** Embeddings of proteins, one by one. Usage: bun embed.ts PROTEIN... */
import { embed, openBundle } from 'virnucpro'

const proteins = process.argv.slice(2).map((sequence, i) => ({ id: `protein_${i + 1}`, sequence }))
const bundle = await openBundle('demo')
for await (const { id, embedding } of embed(proteins, { model: 'esm2', bundle })) {
  const length = Math.hypot(...embedding)
  console.log(id, embedding.length, length.toFixed(4))
}
