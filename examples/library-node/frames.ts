/** The open frames of a FASTA or FASTQ file, as proteins. Usage: node frames.ts FILE */
import { readSequences } from 'virnucpro/fasta'
import { chunkBounds, openFrames } from 'virnucpro/sequence'

const text = new TextDecoder()
for await (const records of readSequences([process.argv[2] ?? 'contigs.fasta'])) {
  for (const { id, sequence } of records) {
    for (const { index, start, end } of chunkBounds(sequence.length, 500)) {
      for (const { frame, protein } of openFrames(sequence.subarray(start, end)))
        console.log(`>${id}_chunk_${index}${frame}\n${text.decode(protein)}`)
    }
  }
}
