import { stat } from 'node:fs/promises'
import { encodeInline } from '../onnx/index.ts'
import { fileIdentity, ReadError, sha256 } from '../system/index.ts'
import { ModelError } from './errors.ts'
import { PRODUCER } from './import.ts'
import { loadMlp } from './load.ts'

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
  const before = await identity(path)
  await using model = await loadMlp(path)
  const graph = await encodeInline(model.graph, { producer: PRODUCER })
  if ((await identity(path)) !== before)
    throw new ModelError(`${path} was changed while it was being read. Start the same command again.`)
  return { graph, input: model.shape.input, sha256: sha256(graph) }
}

/** Undefined where there is nothing, which the reader of the file has better words for. */
async function identity(path: string): Promise<string | undefined> {
  return await stat(path, { bigint: true }).then(fileIdentity, (error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw new ReadError(path, error)
  })
}
