/** The server of this machine: what starts it, what builds TensorRT plans that it loads, and how both are put in place. */

export { RuntimeError } from './errors.ts'
export { type FindOptions, type FoundRuntime, findRuntime, openRuntime } from './find.ts'
export type { ProgramOptions } from './program.ts'
export type { Runtime, RuntimeBuilder, RuntimeLaunch } from './runtime.ts'
