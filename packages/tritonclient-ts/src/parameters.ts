import { create } from '@bufbuild/protobuf'
import { invalidArgument } from './errors.ts'
import { type InferParameter, InferParameterSchema } from './proto/service_pb.ts'

/** Value of a parameter of a request, tensor or answer. Whole numbers are sent as 64-bit integers. */
export type ParameterValue = boolean | number | bigint | string

export type Parameters = Readonly<Record<string, ParameterValue>>

const INT64_MIN = -(2n ** 63n)
const INT64_MAX = 2n ** 63n - 1n
const UINT64_MAX = 2n ** 64n - 1n

export function writeParameters(parameters: Parameters): Record<string, InferParameter> {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [
      name,
      create(InferParameterSchema, { parameterChoice: choice(name, value) }),
    ]),
  )
}

function choice(name: string, value: ParameterValue): InferParameter['parameterChoice'] {
  switch (typeof value) {
    case 'boolean':
      return { case: 'boolParam', value }
    case 'string':
      return { case: 'stringParam', value }
    case 'number':
      return Number.isSafeInteger(value)
        ? { case: 'int64Param', value: BigInt(value) }
        : { case: 'doubleParam', value }
    case 'bigint':
      if (value >= INT64_MIN && value <= INT64_MAX) return { case: 'int64Param', value }
      if (value > INT64_MAX && value <= UINT64_MAX) return { case: 'uint64Param', value }
      throw invalidArgument(`parameter "${name}": ${value} does not fit in 64 bits`)
    default:
      throw invalidArgument(`parameter "${name}" must be a boolean, number, bigint or string`)
  }
}

export function readParameters(parameters: Readonly<Record<string, InferParameter>>): Parameters {
  const read: Record<string, ParameterValue> = {}
  for (const [name, { parameterChoice }] of Object.entries(parameters)) {
    const { value } = parameterChoice
    if (value !== undefined) read[name] = typeof value === 'bigint' ? smallest(value) : value
  }
  return read
}

/** A number where it holds the value exactly, as nearly always; else the bigint. */
export function smallest(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
