/** Enumerations of the ONNX format (onnx.proto, IR version 9) whose fields our schema has as plain numbers. */

/** AttributeProto.AttributeType: what an attribute holds. */
export const AttributeType = {
  undefined: 0,
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
  tensors: 9,
  graphs: 10,
  sparseTensor: 11,
  sparseTensors: 12,
  typeProto: 13,
  typeProtos: 14,
} as const

/** TensorProto.DataLocation: whether the elements of a tensor are in the graph file or in another. */
export const DataLocation = { default: 0, external: 1 } as const

/** Whether the format gives a number a meaning. Readers with the format's own schema take any other for a missing field. */
export function isOf(enumeration: Readonly<Record<string, number>>, value: number): boolean {
  return Object.values(enumeration).includes(value)
}
