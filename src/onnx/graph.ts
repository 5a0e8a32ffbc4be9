import { create, type MessageInitShape } from '@bufbuild/protobuf'
import {
  bytesPerElement,
  DataType,
  elementCount,
  encodeFloats,
  type FloatType,
  type WeightType,
} from './elements.ts'
import { AttributeType } from './enumerations.ts'
import {
  type AttributeProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  type NodeProtoSchema,
  type TensorProtoSchema,
  type ValueInfoProtoSchema,
} from './onnx_pb.ts'
import { readModel } from './read.ts'

/** A tensor flowing through the graph, known by its name. */
export type Value = string

/** Whole numbers become INT, `{ float }` FLOAT, text STRING, lists INTS. */
type Attribute = number | string | readonly number[] | { readonly float: number }

/** Size of one dimension, or the name of one that is free until run time. */
type Dimension = number | string

/**
 * Elements of a tensor in row-major order, in pieces of any size, so that no tensor need be held whole twice. A piece is valid
 * until the next is asked for, which may be in the same memory.
 */
export type FloatSource = () => AsyncIterable<Float32Array> | Iterable<Float32Array>

/** A tensor whose elements are fetched only when the model is written. */
export interface Weight {
  readonly name: string
  readonly dtype: WeightType
  readonly dims: readonly number[]
  readonly source: FloatSource
  /** Graphs that are soon gone have it in a file of its own, which others in their folder may have, too. */
  readonly isShared: boolean
}

/**
 * Builds an ONNX graph node by node. Nothing is computed or read here: weights are declared with a
 * source, and `writeModel` streams them to disk, so a graph of any size is described in little memory.
 * Names depend only on the order of calls, so the same calls give the same bytes.
 */
export class GraphBuilder {
  readonly name: string
  readonly weights: Weight[] = []
  /** Sets of operators beside the standard one that the nodes are of. */
  readonly domains = new Set<string>()
  readonly #nodes: MessageInitShape<typeof NodeProtoSchema>[] = []
  readonly #constants = new Map<string, MessageInitShape<typeof TensorProtoSchema>>()
  readonly #inputs: MessageInitShape<typeof ValueInfoProtoSchema>[] = []
  readonly #outputs: MessageInitShape<typeof ValueInfoProtoSchema>[] = []
  readonly #taken = new Set<string>()
  #prefix = ''

  constructor(name: string) {
    this.name = name
  }

  /** Declares an input of the graph. */
  input(name: string, dtype: DataType, dims: readonly Dimension[]): Value {
    this.#inputs.push(valueInfo(this.#claim(name), dtype, dims))
    return name
  }

  /** Declares `value` an output of the graph; its own name is the output's name. */
  output(value: Value, dtype: DataType, dims: readonly Dimension[]): void {
    this.#outputs.push(valueInfo(value, dtype, dims))
  }

  /** Runs `body` with every name it makes prefixed by `scope/`, so that profilers show where a node belongs. */
  scoped<T>(scope: string, body: () => T): T {
    const outer = this.#prefix
    this.#prefix = `${outer}${scope}/`
    try {
      return body()
    } finally {
      this.#prefix = outer
    }
  }

  /**
   * Adds a node with one output and returns that output, named `name` or after the operator.
   *
   * @param op a standard operator, or one of another set as `domain:operator`
   */
  node(
    op: string,
    inputs: readonly Value[],
    attributes: Record<string, Attribute> = {},
    name?: string,
  ): Value {
    const [output] = this.nodeWithOutputs(op, inputs, 1, attributes, name)
    return output!
  }

  /** Adds a node with several outputs, such as Split. */
  nodeWithOutputs(
    op: string,
    inputs: readonly Value[],
    outputs: number,
    attributes: Record<string, Attribute> = {},
    name?: string,
  ): Value[] {
    const [opType, domain = ''] = op.split(':').reverse() as [string, string?]
    if (domain !== '') this.domains.add(domain)
    const own = name === undefined ? this.#fresh(opType) : this.#claim(name)
    const values = [own]
    for (let i = 1; i < outputs; i++) values.push(this.#claim(`${own}:${i}`))
    this.#nodes.push({
      opType,
      domain,
      name: own,
      input: [...inputs],
      output: values,
      attribute: Object.entries(attributes).map(([key, value]) => attribute(key, value)),
    })
    return values
  }

  /** A small float tensor kept inside the graph. Equal constants are kept once. */
  floats(
    values: readonly number[] | Float32Array,
    dims: readonly number[],
    dtype: FloatType = DataType.float,
  ): Value {
    return this.#constant(encodeFloats(Float32Array.from(values), dtype), dims, dtype)
  }

  /** A small INT64 tensor kept inside the graph: shapes, axes, ranges. Scalar when `dims` is empty. */
  ints(values: readonly number[], dims: readonly number[] = [values.length]): Value {
    const raw = new Uint8Array(BigInt64Array.from(values, BigInt).buffer)
    return this.#constant(raw, dims, DataType.int64)
  }

  /** A whole number from 0 to 255 as UINT8, a scalar. */
  byte(value: number): Value {
    return this.#constant(Uint8Array.of(value), [], DataType.uint8)
  }

  /** Zero in FP8 E4M3, the type that QuantizeLinear rounds to. */
  fp8Zero(): Value {
    return this.#constant(new Uint8Array(1), [], DataType.float8e4m3fn)
  }

  /** Declares a weight; its elements are read from `source` when the model is written. */
  weight(
    name: string,
    dtype: WeightType,
    dims: readonly number[],
    source: FloatSource,
    { isShared = false }: Partial<Pick<Weight, 'isShared'>> = {},
  ): Value {
    const full = this.#claim(this.#prefix + name)
    this.weights.push({ name: full, dtype, dims, source, isShared })
    return full
  }

  /** The graph as a message; `initializers` are the weights as they were stored. */
  toProto(initializers: MessageInitShape<typeof TensorProtoSchema>[]): GraphProto {
    return create(GraphProtoSchema, {
      name: this.name,
      node: this.#nodes,
      input: this.#inputs,
      output: this.#outputs,
      initializer: [...this.#constants.values(), ...initializers],
    })
  }

  #constant(raw: Uint8Array, dims: readonly number[], dtype: DataType): Value {
    if (raw.byteLength !== elementCount(dims) * bytesPerElement(dtype)) {
      throw new RangeError(`constant has ${raw.byteLength} bytes, which do not fill [${dims}]`)
    }
    const key = `${dtype}[${dims}]${raw.toHex()}`
    const known = this.#constants.get(key)
    if (known?.name !== undefined) return known.name
    const name = this.#claim(`const_${this.#constants.size}`)
    this.#constants.set(key, {
      name,
      dataType: dtype,
      dims: dims.map(BigInt),
      rawData: raw as Uint8Array<ArrayBuffer>,
    })
    return name
  }

  #fresh(op: string): string {
    for (let i = 0; ; i++) {
      const name = `${this.#prefix}${op}${i === 0 ? '' : `_${i}`}`
      if (!this.#taken.has(name)) return this.#claim(name)
    }
  }

  #claim(name: string): string {
    if (this.#taken.has(name)) throw new Error(`two values of graph ${this.name} are named ${name}`)
    this.#taken.add(name)
    return name
  }
}

function attribute(name: string, value: Attribute): MessageInitShape<typeof AttributeProtoSchema> {
  if (typeof value === 'string')
    return { name, type: AttributeType.string, s: new TextEncoder().encode(value) }
  if (typeof value === 'number') return { name, type: AttributeType.int, i: BigInt(value) }
  if ('float' in value) return { name, type: AttributeType.float, f: value.float }
  return { name, type: AttributeType.ints, ints: value.map(BigInt) }
}

function valueInfo(
  name: string,
  dtype: DataType,
  dims: readonly Dimension[],
): MessageInitShape<typeof ValueInfoProtoSchema> {
  const dim = dims.map((size) => ({
    value:
      typeof size === 'number'
        ? ({ case: 'dimValue', value: BigInt(size) } as const)
        : ({ case: 'dimParam', value: size } as const),
  }))
  return { name, type: { value: { case: 'tensorType', value: { elemType: dtype, shape: { dim } } } } }
}

/** A graph as a file has it, weights inside. */
class WrittenGraph extends GraphBuilder {
  readonly #proto: GraphProto

  constructor(proto: GraphProto) {
    super(proto.name)
    this.#proto = proto
  }

  override toProto(): GraphProto {
    return this.#proto
  }
}

/**
 * The graph of a file that `writeModel` has written with the weights inside: written once more, it gives the same file.
 * @param name - what an error calls it
 * @throws InferenceError when it is no graph
 */
export function readGraph(bytes: Uint8Array, name: string): GraphBuilder {
  return new WrittenGraph(readModel(bytes, name).graph)
}
