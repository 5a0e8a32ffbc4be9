/** Starts Triton Inference Server, as a program of this machine or a container, and takes all of it away again. */

// The commands as text, without running them.
export { type ServerCommand, shellCommand } from './command.ts'
// Errors.
export {
  type FailedModel,
  ModelLoadError,
  PortInUseError,
  ServerError,
  ServerNotFoundError,
  StartupTimeoutError,
} from './errors.ts'
// Whether there is a server to start.
export { findServer, requireServer } from './find-server.ts'
export { findGpus, visibleGpus } from './gpus.ts'
export { DEFAULT_PORTS, PORT_STEP, type ServeOptions, type ServerPorts } from './options.ts'
export { type OwnServer, OwnServers } from './own-servers.ts'
export { freePorts } from './ports.ts'
export { requireRepository } from './repository-folder.ts'
export {
  type PlannedCommand,
  type RunningServer,
  type ServerEndpoint,
  serverCommands,
  startServer,
} from './start.ts'
export type { RestartPolicy } from './supervised-server.ts'
