import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeModel } from '../onnx/index.ts'
import { PRODUCER } from './import.ts'
import { loadMlp } from './load.ts'

/** A classifier file made ready for one run. */
export interface ImportedClassifier {
  /** Path of its graph. */
  graph: string
  /** Numbers that it classifies. */
  input: number
  /** Of the graph: equal for equal classifiers. */
  sha256: string
  remove(): Promise<void>
}

/**
 * Turns a classifier file of the original into a graph for one run, as its command line names the file each time.
 *
 * @throws ModelError when the file is no classifier
 */
export async function importClassifier(path: string): Promise<ImportedClassifier> {
  await using model = await loadMlp(path)
  const folder = await mkdtemp(join(tmpdir(), 'virnucpro-classifier-'))
  const remove = () => rm(folder, { recursive: true, force: true })
  try {
    const { graph } = await writeModel(model.graph, {
      folder,
      inline: true,
      producer: PRODUCER,
    })
    return { graph: join(folder, graph.file), input: model.shape.input, sha256: graph.sha256, remove }
  } catch (error) {
    await remove()
    throw error
  }
}
