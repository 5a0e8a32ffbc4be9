import type { ArgGroup } from '../parse/arg.ts'

export const serveArgs: ArgGroup = {
  title: 'Server',
  args: [
    {
      name: 'repository',
      long: ['repository'],
      hint: 'DIR',
      help: 'model repository, made by "virnucpro repository build"',
    },
    {
      name: 'serverBin',
      long: ['server-bin'],
      hint: 'PATH',
      help: 'server program [default: tritonserver of PATH or of /opt/tritonserver/bin]',
    },
    {
      name: 'backendDirectory',
      long: ['backend-directory'],
      hint: 'DIR',
      help: "folder of the server's backends [default: the server's own]",
    },
    {
      name: 'libraryPath',
      long: ['library-path'],
      hint: 'DIR[:…]',
      help: 'folders of libraries that the server needs, before those of LD_LIBRARY_PATH',
    },
    {
      name: 'perGpu',
      long: ['per-gpu'],
      help: 'one server for each GPU, each with ports 3 above those of the one before',
    },
    {
      name: 'startupTimeout',
      long: ['startup-timeout'],
      hint: 'SECONDS',
      help: 'give up when a model is not ready by then [default: 600]',
    },
    {
      name: 'drainTimeout',
      long: ['drain-timeout'],
      hint: 'SECONDS',
      help: 'how long requests under way may take when the server is stopped [default: 30]',
    },
    { name: 'dryRun', long: ['dry-run'], help: 'print the commands and start nothing' },
  ],
}

export const listenArgs: ArgGroup = {
  title: 'Where it listens',
  args: [
    {
      name: 'address',
      long: ['address'],
      hint: 'ADDRESS',
      help: 'address for HTTP, gRPC and metrics [default: 127.0.0.1, this machine only]',
    },
    { name: 'httpPort', long: ['http-port'], hint: 'N', help: 'port for HTTP [default: 8000]' },
    { name: 'grpcPort', long: ['grpc-port'], hint: 'N', help: 'port for gRPC [default: 8001]' },
    { name: 'metricsPort', long: ['metrics-port'], hint: 'N', help: 'port for metrics [default: 8002]' },
  ],
}

export const containerArgs: ArgGroup = {
  title: 'Container',
  args: [
    {
      name: 'container',
      long: ['container'],
      help: 'run the container of triton/compose.yaml in place of a server program',
    },
    {
      name: 'imageTag',
      long: ['image-tag'],
      hint: 'TAG',
      help: 'tag of its image [default: VIRNUCPRO_TRITON_TAG, else 26.09-py3]',
    },
  ],
}
