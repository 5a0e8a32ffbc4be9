import { readFileSync, writeFileSync } from 'node:fs'

/**
 * Takes the last rows from the demonstration's table of DNABERT-S embeddings, in the graph alone: a real graph that
 * refuses batches in which one of the last tokens occurs, and computes all others as before.
 */
export function breakGraph(path: string): void {
  const [rows, width] = [250, 32]
  const graph = readFileSync(path)
  // Tensor dims 256 and 32 as packed varints, then the type.
  const at = graph.indexOf(Buffer.from([0x80, 0x02, width, 0x10, 0x01]))
  graph.set([(rows & 0x7f) | 0x80, rows >> 7], at)
  graph.write(String(rows * width * 4), graph.indexOf('32768', at), 'latin1')
  writeFileSync(path, graph)
}
