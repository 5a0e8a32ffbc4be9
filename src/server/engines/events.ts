import * as v from 'valibot'
import { parseJson } from '../../system/json.ts'
import type { Target } from './builder.ts'

/** Lines of JSON that both scripts of TensorRT write; `serve_events` in python/build_engine.py. */
export const GpuEvent = v.object({
  event: v.literal('gpu'),
  name: v.string(),
  computeCapability: v.string(),
  memoryBytes: v.number(),
  tensorrt: v.string(),
})
export const ErrorEvent = v.object({ event: v.literal('error'), kind: v.string(), message: v.string() })

export function targetOf(event: v.InferOutput<typeof GpuEvent>): Target {
  const { name, computeCapability, tensorrt, memoryBytes } = event
  return { gpu: name, computeCapability, tensorrt, memoryBytes }
}

/** An event of a line; undefined for whatever else a program prints. */
export function parseEvent<Event>(schema: v.GenericSchema<unknown, Event>, line: string): Event | undefined {
  try {
    const result = v.safeParse(schema, parseJson(line))
    return result.success ? result.output : undefined
  } catch {
    return undefined
  }
}
