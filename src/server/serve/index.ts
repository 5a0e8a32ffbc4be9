/** Starts Triton Inference Server, as a program of this machine or a container, and takes all of it away again. */

// The commands as text, without running them.
export { type PlannedCommand, type ServerCommand, serverCommands, shellCommand } from './commands.ts'
// Containers.
export {
  apptainerImage,
  type ContainerAccess,
  type ContainerEngine,
  containerEngines,
  DEFAULT_IMAGE_TAG,
  IMAGE_NAME,
  inContainer,
  isFile as isImageFile,
} from './container-engines.ts'
// Errors.
export {
  type FailedModel,
  ModelLoadError,
  PortInUseError,
  ServerError,
  ServerNotFoundError,
  StartupTimeoutError,
} from './errors.ts'
// Servers that outlive the program that asked for them.
export { type KeptOptions, keepServer, stopKept } from './kept.ts'
export {
  DEFAULT_PORTS,
  PORT_STEP,
  type RestartPolicy,
  type ServeOptions,
  type ServerPlan,
  type ServerPorts,
} from './options.ts'
export { type OwnServer, OwnServers } from './own-servers.ts'
export { freePorts } from './ports.ts'
// Whether there is something to start.
export {
  findGpus,
  findServer,
  requireEngine,
  requireRepository,
  requireServer,
  serverShares,
  visibleGpus,
} from './prerequisites.ts'
export { type RunningServer, type ServerEndpoint, startServer } from './start.ts'
