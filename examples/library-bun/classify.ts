/** Scores of every open frame of some records. Usage: bun classify.ts FILE */
import { classify, openBundle } from 'virnucpro'
import { readSequences } from 'virnucpro/fasta'

const bundle = await openBundle('demo')
for await (const records of readSequences([process.argv[2] ?? 'contigs.fasta'])) {
  for await (const { id, start, end, virus } of classify(records, { bundle })) {
    console.log(id, start, end, virus.toFixed(4))
  }
}
