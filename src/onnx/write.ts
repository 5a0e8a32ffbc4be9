import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { sha256 } from '../system/sha256.ts'
import { bytesPerElement, elementCount, encodeWeight, valuesPerElement } from './elements.ts'
import { DataLocation } from './enumerations.ts'
import type { GraphBuilder, Weight } from './graph.ts'
import { ModelProtoSchema, type TensorProtoSchema } from './onnx_pb.ts'

/**
 * LayerNormalization needs 17 and Gelu, which we avoid for TensorRT's sake, 20; ONNX Runtime 1.30 and
 * TensorRT 10.6 both read opset 20 and IR version 9.
 */
const OPSET = 20
const IR_VERSION = 9

/** Weights start on page boundaries, as the ONNX specification advises, so that a runtime can map the file. */
const ALIGNMENT = 4096

/** The file of all weights of a graph. */
const WEIGHTS = 'weights.bin'

interface WriteOptions {
  /** Folder the files go to; it must exist. */
  readonly folder: string
  /** Keep weights inside the graph file: for small models only, a graph file cannot exceed 2 GB. */
  readonly inline?: boolean
  /** Recorded in the graph file. */
  readonly producer: { readonly name: string; readonly version: string }
  /** Free text pairs recorded in the graph file. */
  readonly metadata?: Readonly<Record<string, string>>
  /** Called after each weight with the bytes written so far. */
  readonly onBytes?: (written: number) => void
  readonly signal?: AbortSignal
}

export interface WrittenFile {
  /** Name inside the folder. */
  readonly file: string
  readonly bytes: number
  readonly sha256: string
}

interface WrittenModel {
  readonly graph: WrittenFile
  /** Absent when the weights are inside the graph file. */
  readonly weights?: WrittenFile
}

/** Bytes the weights take on disk, padding included. */
export function weightBytes(graph: GraphBuilder): number {
  return graph.weights.reduce((end, weight) => aligned(end) + sizeOf(weight), 0)
}

/**
 * Writes `model.onnx` and, unless `inline`, `weights.bin` beside it. Weights are streamed in the order
 * in which the graph declares them: memory holds one piece of one tensor at a time.
 *
 * @throws RangeError when a weight's source gives another number of elements than its shape has
 */
export async function writeModel(graph: GraphBuilder, options: WriteOptions): Promise<WrittenModel> {
  const stored = options.inline ? await readInline(graph) : await writeExternal(graph, options)
  const bytes = encodeModel(graph, stored.tensors, options)
  await Bun.write(join(options.folder, 'model.onnx'), bytes)
  const file = { file: 'model.onnx', bytes: bytes.length, sha256: sha256(bytes) }
  return stored.weights === undefined ? { graph: file } : { graph: file, weights: stored.weights }
}

interface TemporaryOptions extends Pick<WriteOptions, 'folder' | 'producer'> {
  /** Name of the graph's file. @default model.onnx */
  readonly graph?: string
  /** Name of the file of its weights. @default weights.bin */
  readonly weights?: string
  /** That file is there, of a graph with the same weights in the same order. @default false */
  readonly isWritten?: boolean
}

/**
 * Writes a graph that is soon gone: nobody asks for checksums, which take a third of the time. A weight that graphs share is
 * written with the first of them, and has to be the same in all that go into the folder.
 */
export async function writeTemporary(
  graph: GraphBuilder,
  { folder, producer, graph: file = 'model.onnx', weights = WEIGHTS, isWritten = false }: TemporaryOptions,
): Promise<void> {
  const shared = graph.weights.filter(({ isShared }) => isShared)
  const own = graph.weights.filter(({ isShared }) => !isShared)
  for (const weight of shared) {
    const path = join(folder, fileOf(weight))
    if (!(await Bun.file(path).exists())) await streamTo(path, [weight], {})
  }
  if (!isWritten) await streamTo(join(folder, weights), own, {})
  const stored = [
    ...externals(own, weights),
    ...shared.flatMap((weight) => externals([weight], fileOf(weight))),
  ]
  await Bun.write(join(folder, file), encodeModel(graph, stored, { producer }))
}

function fileOf({ name }: Weight): string {
  return `${name}.bin`
}

/** The content of `model.onnx` with the weights inside. */
export async function encodeInline(
  graph: GraphBuilder,
  options: Pick<WriteOptions, 'producer' | 'metadata'>,
): Promise<Uint8Array> {
  return encodeModel(graph, (await readInline(graph)).tensors, options)
}

/**
 * The content of `model.onnx` alone. Reads no weight: `weights.bin` has to be made by other means, in the order and
 * with the alignment that the file says.
 */
export function encodeGraph(
  graph: GraphBuilder,
  options: Pick<WriteOptions, 'producer' | 'metadata'>,
): Uint8Array {
  return encodeModel(graph, externals(graph.weights, WEIGHTS), options)
}

/** Weights that `streamTo` writes into a file. */
function externals(weights: readonly Weight[], file: string): Stored['tensors'] {
  let end = 0
  return weights.map((weight) => {
    const offset = aligned(end)
    end = offset + sizeOf(weight)
    return external(weight, file, offset)
  })
}

function encodeModel(
  graph: GraphBuilder,
  tensors: Stored['tensors'],
  { producer, metadata = {} }: Pick<WriteOptions, 'producer' | 'metadata'>,
): Uint8Array {
  const model = create(ModelProtoSchema, {
    irVersion: BigInt(IR_VERSION),
    producerName: producer.name,
    producerVersion: producer.version,
    opsetImport: [
      { domain: '', version: BigInt(OPSET) },
      // ONNX Runtime's own operators, the only others, are all of version 1.
      ...[...graph.domains].map((domain) => ({ domain, version: 1n })),
    ],
    graph: graph.toProto(tensors),
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  })
  return toBinary(ModelProtoSchema, model)
}

interface Stored {
  tensors: MessageInitShape<typeof TensorProtoSchema>[]
  weights?: WrittenFile
}

async function readInline(graph: GraphBuilder): Promise<Stored> {
  const tensors: Stored['tensors'] = []
  for (const weight of graph.weights) {
    const pieces: Uint8Array[] = []
    // A copy: the next piece may be in the same memory.
    for await (const piece of encoded(weight)) pieces.push(piece.slice())
    tensors.push({ ...described(weight), rawData: Buffer.concat(pieces) })
  }
  return { tensors }
}

async function writeExternal({ weights }: GraphBuilder, options: WriteOptions): Promise<Stored> {
  const hasher = new Bun.CryptoHasher('sha256')
  const bytes = await streamTo(join(options.folder, WEIGHTS), weights, { ...options, hasher })
  return {
    tensors: externals(weights, WEIGHTS),
    weights: { file: WEIGHTS, bytes, sha256: hasher.digest('hex') },
  }
}

/** Writes weights one after the other, and returns how many bytes they take. */
async function streamTo(
  path: string,
  weights: readonly Weight[],
  { hasher, onBytes, signal }: Pick<WriteOptions, 'onBytes' | 'signal'> & { hasher?: Bun.CryptoHasher },
): Promise<number> {
  const sink = new WeightsFile(await open(path, 'w'), hasher)
  try {
    for (const weight of weights) {
      signal?.throwIfAborted()
      await sink.write(new Uint8Array(aligned(sink.bytes) - sink.bytes))
      for await (const piece of encoded(weight)) await sink.write(piece)
      onBytes?.(sink.bytes)
    }
    return sink.bytes
  } finally {
    await sink.close()
  }
}

/** A weight's bytes, checked against its shape. */
async function* encoded(weight: Weight): AsyncGenerator<Uint8Array> {
  const expected = elementCount(weight.dims) * valuesPerElement(weight.dtype)
  let count = 0
  for await (const piece of weight.source()) {
    count += piece.length
    if (count > expected) break
    yield encodeWeight(piece, weight.dtype)
  }
  if (count !== expected) {
    throw new RangeError(`${weight.name}: ${count} elements do not fill [${weight.dims}]`)
  }
}

function described(weight: Weight): { name: string; dataType: number; dims: bigint[] } {
  return { name: weight.name, dataType: weight.dtype, dims: weight.dims.map(BigInt) }
}

function external(weight: Weight, file: string, offset: number): Stored['tensors'][number] {
  return {
    ...described(weight),
    dataLocation: DataLocation.external,
    externalData: [
      { key: 'location', value: file },
      { key: 'offset', value: String(offset) },
      { key: 'length', value: String(sizeOf(weight)) },
    ],
  }
}

function sizeOf(weight: Weight): number {
  return elementCount(weight.dims) * bytesPerElement(weight.dtype)
}

function aligned(offset: number): number {
  return Math.ceil(offset / ALIGNMENT) * ALIGNMENT
}

/** A file that is hashed while it is written, so that it need not be read again. */
class WeightsFile {
  bytes = 0
  readonly #handle: FileHandle
  readonly #hasher: Bun.CryptoHasher | undefined

  constructor(handle: FileHandle, hasher: Bun.CryptoHasher | undefined) {
    this.#handle = handle
    this.#hasher = hasher
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#hasher?.update(bytes)
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done)
      done += bytesWritten
    }
    this.bytes += bytes.length
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}
