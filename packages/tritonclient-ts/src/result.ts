import {
  type Datatype,
  DecodeFault,
  decodeContents,
  decodeTensor,
  elementCount,
  isDatatype,
} from './codec.ts'
import { badAnswer, type CallContext } from './errors.ts'
import { type Parameters, readParameters } from './parameters.ts'
import type {
  InferTensorContents,
  ModelInferResponse,
  ModelInferResponse_InferOutputTensor,
} from './proto/service_pb.ts'
import type { OutputTensor, OutputTensorOf } from './tensors.ts'

/** The answer to one inference. */
export class InferResult {
  readonly model: string
  readonly version: string
  readonly id: string
  readonly parameters: Parameters
  readonly outputs: readonly OutputTensor[]
  readonly #call: CallContext

  /** `shared`: names of outputs that were asked for in shared memory; Triton's answer does not tell. */
  constructor(call: CallContext, response: ModelInferResponse, shared: ReadonlySet<string>) {
    this.#call = call
    this.model = response.modelName
    this.version = response.modelVersion
    this.id = response.id
    this.parameters = readParameters(response.parameters)
    this.outputs = readOutputs(call, response, shared)
  }

  /**
   * The output of this name and datatype.
   *
   * @throws TritonError DATA_LOSS where the answer has no such output, or one of another datatype
   */
  output<D extends Datatype>(name: string, datatype: D): OutputTensorOf<D> {
    const found = this.outputs.find((output) => output.name === name)
    if (found === undefined) {
      const names = this.outputs.map((output) => `"${output.name}"`).join(', ')
      throw badAnswer(this.#call, `no output "${name}" in the answer; it has ${names || 'none'}`)
    }
    if (found.datatype !== datatype)
      throw badAnswer(this.#call, `output "${name}" is ${found.datatype}, not ${datatype}`)
    return found as OutputTensorOf<Datatype> as OutputTensorOf<D>
  }

  /** Of a stream: false where more answers to the same request follow; undefined where the model does not say. */
  get final(): boolean | undefined {
    const value = this.parameters.triton_final_response
    return typeof value === 'boolean' ? value : undefined
  }
}

const NO_BYTES = new Uint8Array(0)

function readOutputs(
  call: CallContext,
  response: ModelInferResponse,
  inShared: ReadonlySet<string>,
): OutputTensor[] {
  const raws = response.rawOutputContents
  // Some servers keep a place in the list for an output in shared memory, some do not.
  const everyOneHasAPlace = raws.length === response.outputs.length
  let next = 0
  const names = new Set<string>()
  const outputs = response.outputs.map((output) => {
    if (names.has(output.name)) throw badAnswer(call, `two outputs "${output.name}" in the answer`)
    names.add(output.name)
    const shared = inShared.has(output.name) || output.parameters.shared_memory_region !== undefined
    const raw = raws.length === 0 || (shared && !everyOneHasAPlace) ? undefined : raws[next++]
    return readOutput(call, output, shared ? NO_BYTES : raw, shared, raws.length > 0)
  })
  if (next !== raws.length)
    throw badAnswer(call, `${raws.length} blocks of bytes for ${response.outputs.length} outputs`)
  return outputs
}

/** Whether there is anything in it: some servers send an empty one beside the bytes. */
function holdsElements(contents: InferTensorContents): boolean {
  return Object.values(contents).some((list) => Array.isArray(list) && list.length > 0)
}

function readOutput(
  call: CallContext,
  output: ModelInferResponse_InferOutputTensor,
  bytes: Uint8Array | undefined,
  shared: boolean,
  expectRaw: boolean,
): OutputTensor {
  const { name, datatype, contents } = output
  const shape = output.shape.map(Number)
  const count = elementCount(shape)
  if (!isDatatype(datatype)) throw badAnswer(call, `output "${name}" has the unknown datatype "${datatype}"`)
  if (count === undefined) throw badAnswer(call, `output "${name}" has the shape [${shape.join(', ')}]`)
  if (expectRaw && contents !== undefined && holdsElements(contents))
    throw badAnswer(call, `output "${name}" has elements one by one beside bytes of the answer`)
  if (bytes === undefined && expectRaw) throw badAnswer(call, `output "${name}" has no bytes`)
  // grpc-js hands out Buffers, whose slice() and toString() differ from those of the Uint8Array promised.
  const raw =
    bytes === undefined ? undefined : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  try {
    const data =
      raw === undefined && contents !== undefined
        ? decodeContents(datatype, count, contents)
        : decodeTensor(datatype, shared ? 0 : count, raw ?? NO_BYTES)
    // The pairs of datatype and array are those of `OutputData`; a mapped type cannot follow that.
    return { name, datatype, shape, data, raw, parameters: readParameters(output.parameters) } as OutputTensor
  } catch (error) {
    if (error instanceof DecodeFault)
      throw badAnswer(call, `output "${name}" (${datatype} [${shape.join(', ')}]) has ${error.message}`)
    throw error
  }
}
