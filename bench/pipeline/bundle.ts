import { copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { manifestText, openBundle } from '../../src/bundle/index.ts'
import { DataType, GraphBuilder, writeModel } from '../../src/onnx/index.ts'
import { tokenizerPath } from '../tokenizer.ts'

/** Widths of the real models: DNABERT-S, ESM-2 3B and the classifier's hidden layer. */
const WIDTHS = { dnabert_s: 768, esm2: 2560 }
const HIDDEN = 512

/**
 * Makes a bundle whose models answer with embeddings as wide as the real ones and compute nothing, so that what a run
 * takes is the program's own part. The classifier has the real shape.
 */
export async function makeIdleBundle(folder: string): Promise<string> {
  const demo = await openBundle('demo')
  const manifest = structuredClone(demo.manifest)
  for (const model of ['dnabert_s', 'esm2'] as const) {
    const { graph, weights } = await write(folder, model, idleGraph(WIDTHS[model]))
    Object.assign(manifest.models[model], { width: WIDTHS[model], dimension: WIDTHS[model], graph, weights })
  }
  const input = WIDTHS.dnabert_s + WIDTHS.esm2
  const { graph } = await write(folder, 'mlp', classifierGraph(input), true)
  Object.assign(manifest.models.mlp, { input, hidden: HIDDEN, graph })
  const tokenizer = manifest.models.dnabert_s.tokenizer!
  const own = tokenizerPath().path
  await copyFile(own, join(folder, tokenizer.path))
  const content = await Bun.file(own).bytes()
  const sha256 = new Bun.CryptoHasher('sha256').update(content).digest('hex')
  Object.assign(tokenizer, { bytes: content.length, sha256 })
  await Bun.write(join(folder, 'manifest.json'), manifestText(manifest))
  return folder
}

async function write(folder: string, model: string, graph: GraphBuilder, inline = false) {
  await mkdir(join(folder, model), { recursive: true })
  const producer = { name: 'virnucpro', version: 'bench' }
  const written = await writeModel(graph, { folder: join(folder, model), inline, producer })
  const placed = <T extends { file: string }>({ file, ...rest }: T) => ({ path: `${model}/${file}`, ...rest })
  return {
    graph: placed(written.graph),
    weights: written.weights === undefined ? undefined : placed(written.weights),
  }
}

/** `embedding` [B,width] = length of the row times a wave: a number that tells rows apart, for nearly nothing. */
function idleGraph(width: number): GraphBuilder {
  const b = new GraphBuilder('idle')
  b.input('input_ids', DataType.int32, ['B', 'T'])
  const lengths = b.node('Cast', [b.input('lengths', DataType.int32, ['B'])], { to: DataType.float })
  const wave = b.weight('wave', DataType.float, [1, width], values(width, 0.01))
  const column = b.node('Unsqueeze', [lengths, b.ints([1])])
  b.output(b.node('Mul', [column, wave], {}, 'embedding'), DataType.float, ['B', width])
  return b
}

function classifierGraph(input: number): GraphBuilder {
  const b = new GraphBuilder('classifier')
  const features = b.input('features', DataType.float, ['N', input])
  const first = b.weight('first', DataType.float, [input, HIDDEN], values(input * HIDDEN, 0.02))
  const last = b.weight('last', DataType.float, [HIDDEN, 2], values(HIDDEN * 2, 0.1))
  const logits = b.node('MatMul', [b.node('Relu', [b.node('MatMul', [features, first])]), last])
  b.output(b.node('Softmax', [logits], { axis: 1 }, 'probabilities'), DataType.float, ['N', 2])
  return b
}

function values(count: number, scale: number) {
  return async function* () {
    yield Float32Array.from({ length: count }, (_, at) => scale * Math.sin(at))
  }
}
