import { encodeInline } from '../onnx/index.ts'
import { sha256 } from '../system/sha256.ts'
import { PRODUCER } from './import.ts'
import { loadMlp } from './load.ts'
import { watchSources } from './weights/unchanged.ts'

/** A classifier file made ready for one run. */
export interface ImportedClassifier {
  /** Content of its graph, with the weights. */
  graph: Uint8Array
  /** Numbers that it classifies. */
  input: number
  /** Of the graph: equal for equal classifiers. */
  sha256: string
}

/**
 * Turns a classifier file of the original into a graph for one run, as its command line names the file each time.
 *
 * @throws ModelError when the file is no classifier, or is written to while it is read
 */
export async function importClassifier(path: string): Promise<ImportedClassifier> {
  await using model = await loadMlp(path)
  const unchanged = await watchSources(model.files)
  const graph = await encodeInline(model.graph, { producer: PRODUCER })
  await unchanged()
  return { graph, input: model.shape.input, sha256: sha256(graph) }
}
