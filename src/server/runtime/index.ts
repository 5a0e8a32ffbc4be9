/** The server of this machine: what starts it, what builds TensorRT plans that it loads, and how both are put in place. */

export { RuntimeError } from './errors.ts'
export {
  type FindOptions,
  type FoundRuntime,
  findRuntime,
  type InstallPlan,
  installRuntime,
  type OpenOptions,
  openRuntime,
} from './find.ts'
export type { InstallOptions } from './install.ts'
export { isOwnServer } from './private.ts'
export type { ProgramOptions } from './program.ts'
export type { Runtime, RuntimeBuilder, RuntimeLaunch } from './runtime.ts'
