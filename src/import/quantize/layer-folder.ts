import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  encodeGraph,
  type GraphBuilder,
  type InferenceSession,
  openSession,
  writeModel,
} from '../../onnx/index.ts'

const PRODUCER = { name: 'virnucpro', version: 'calibration' }

/** One graph on disk at a time. */
export class LayerFolder {
  private readonly path: string

  constructor(path: string) {
    this.path = path
  }

  async write(graph: GraphBuilder): Promise<void> {
    await mkdir(this.path, { recursive: true })
    await writeModel(graph, { folder: this.path, producer: PRODUCER })
  }

  /** Another graph with the weights of the one before, in the same order. */
  async rewriteGraph(graph: GraphBuilder): Promise<void> {
    await Bun.write(join(this.path, 'model.onnx'), encodeGraph(graph, { producer: PRODUCER }))
  }

  async run<T>(body: (session: InferenceSession) => Promise<T>): Promise<T> {
    const session = await openSession(join(this.path, 'model.onnx'), { fp8: true })
    try {
      return await body(session)
    } finally {
      await session.release()
    }
  }

  remove(): Promise<void> {
    return rm(this.path, { recursive: true, force: true })
  }
}
