/** A whole run. Usage: bun predict.ts FILE FOLDER */
import { predict, VirnucproError } from 'virnucpro'

const [file = 'contigs.fasta', outputDir = 'results'] = process.argv.slice(2)
try {
  const result = await predict(
    { inputs: [file], outputDir, bundle: 'demo' },
    {
      onProgress: ({ frames }) => console.error(`${frames.done} frames done`),
      signal: AbortSignal.timeout(600_000),
    },
  )
  console.log(`${result.viralChunks} of ${result.calledChunks} chunks are viral: ${result.paths.results}`)
} catch (error) {
  if (!(error instanceof VirnucproError)) throw error
  console.error(error.code ?? error.kind, error.message)
  process.exitCode = 1
}
