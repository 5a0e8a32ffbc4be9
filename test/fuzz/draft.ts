/** An answer of a Triton before it is encoded, as protobufjs takes it. */
export interface Draft {
  modelName: string
  modelVersion: string
  id: string
  outputs: {
    name: string
    datatype: string
    shape: (number | string)[]
    contents?: Record<string, unknown[]>
  }[]
  rawOutputContents: Uint8Array[]
}
