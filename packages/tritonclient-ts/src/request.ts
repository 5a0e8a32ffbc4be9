import { create, toBinary } from '@bufbuild/protobuf'
import { checkRaw, encodeTensor } from './codec.ts'
import { invalidArgument, TritonError } from './errors.ts'
import { MAX_MESSAGE_BYTES } from './options.ts'
import { type Parameters, writeParameters } from './parameters.ts'
import {
  type ModelInferRequest_InferInputTensor,
  ModelInferRequest_InferInputTensorSchema,
  type ModelInferRequest_InferRequestedOutputTensor,
  ModelInferRequest_InferRequestedOutputTensorSchema,
  ModelInferRequestSchema,
} from './proto/service_pb.ts'
import type { InferRequest, InputTensor, RequestedOutput, SharedMemory } from './tensors.ts'

/**
 * A ModelInferRequest as it goes over the wire. The tensors' bytes are copied once, into place: a general protobuf
 * writer would move 40 MB several times while its buffer grows.
 *
 * @throws TritonError INVALID_ARGUMENT where a tensor's type, shape and data do not go together
 */
export function encodeRequest(request: InferRequest): Uint8Array {
  try {
    const raws = request.inputs.flatMap((input) => rawBytes(input) ?? [])
    return appendRaw(head(request), raws)
  } catch (error) {
    if (!(error instanceof TritonError) || error.model !== undefined) throw error
    throw invalidArgument(`model "${request.model}": ${error.message}`, {
      model: request.model,
      cause: error.cause,
    })
  }
}

/** Everything but the tensors' bytes. */
function head(request: InferRequest): Uint8Array {
  return toBinary(
    ModelInferRequestSchema,
    create(ModelInferRequestSchema, {
      modelName: request.model,
      modelVersion: request.version ?? '',
      id: request.id ?? '',
      parameters: writeParameters(request.parameters ?? {}),
      inputs: request.inputs.map(inputMessage),
      outputs: request.outputs?.map(outputMessage) ?? [],
    }),
  )
}

function rawBytes(input: InputTensor): Uint8Array | undefined {
  if ('sharedMemory' in input) return undefined
  return 'raw' in input
    ? checkRaw(input.name, input.datatype, input.shape, input.raw)
    : encodeTensor(input.name, input.datatype, input.shape, input.data)
}

function inputMessage(input: InputTensor): ModelInferRequest_InferInputTensor {
  const shared = 'sharedMemory' in input ? sharedParameters(input.sharedMemory) : {}
  return create(ModelInferRequest_InferInputTensorSchema, {
    name: input.name,
    datatype: input.datatype,
    shape: input.shape.map(BigInt),
    parameters: writeParameters({ ...input.parameters, ...shared }),
  })
}

function outputMessage(output: string | RequestedOutput): ModelInferRequest_InferRequestedOutputTensor {
  if (typeof output === 'string') return outputMessage({ name: output })
  return create(ModelInferRequest_InferRequestedOutputTensorSchema, {
    name: output.name,
    parameters: writeParameters({
      ...output.parameters,
      ...(output.classes === undefined ? {} : { classification: output.classes }),
      ...(output.sharedMemory === undefined ? {} : sharedParameters(output.sharedMemory)),
    }),
  })
}

/** Names of the parameters: Triton, shared-memory extension. */
function sharedParameters({ region, byteSize, offset = 0 }: SharedMemory): Parameters {
  return {
    shared_memory_region: region,
    shared_memory_byte_size: byteSize,
    ...(offset === 0 ? {} : { shared_memory_offset: offset }),
  }
}

/** Tag of `raw_input_contents`: field 7, length-delimited. */
const RAW_TAG = (7 << 3) | 2

function appendRaw(start: Uint8Array, raws: readonly Uint8Array[]): Uint8Array {
  const total = raws.reduce((sum, raw) => sum + 1 + varintLength(raw.length) + raw.length, start.length)
  if (total > MAX_MESSAGE_BYTES)
    throw invalidArgument(
      `the request has ${total} bytes, at most ${MAX_MESSAGE_BYTES} can be sent; send less at once`,
    )
  const out = new Uint8Array(total)
  out.set(start)
  let at = start.length
  for (const raw of raws) {
    out[at++] = RAW_TAG
    let rest = raw.length
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) out[at++] = (rest & 0x7f) | 0x80
    out[at++] = rest
    out.set(raw, at)
    at += raw.length
  }
  return out
}

function varintLength(value: number): number {
  let length = 1
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 128)) length++
  return length
}

/** The inputs in a few words: `ids INT64 [2, 50], mask BOOL [2, 50]`. */
export function describeInputs(request: InferRequest): string {
  if (request.inputs.length === 0) return 'no input'
  return request.inputs
    .map(({ name, datatype, shape }) => `${name} ${datatype} [${shape.join(', ')}]`)
    .join(', ')
}

/** Names of the outputs that go to shared memory. */
export function sharedOutputs({ outputs = [] }: InferRequest): string[] {
  return outputs.flatMap((output) =>
    typeof output !== 'string' && output.sharedMemory !== undefined ? [output.name] : [],
  )
}
