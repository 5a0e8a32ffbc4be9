import type { ServeOptions } from '../../server/serve/index.ts'
import { UsageError } from '../../system/errors.ts'
import { commonArgs } from '../args/logging.ts'
import { containerArgs, listenArgs, serveArgs } from '../args/serve.ts'
import { strictCommand } from '../command.ts'
import type { CommandHelp } from '../help.ts'
import type { CommandLine } from '../parse/index.ts'
import { startSession } from '../session.ts'
import { withSignals } from '../signals.ts'

const help: CommandHelp = {
  name: 'virnucpro serve',
  about: 'Starts Triton Inference Server with a model repository and runs it until it is stopped.',
  usage: ['--repository DIR [OPTIONS] [-- SERVER OPTIONS]'],
  groups: [serveArgs, listenArgs, containerArgs, commonArgs],
  notes: [
    'When every model is ready, the addresses for --triton are printed on standard output.',
    'A server that ends by itself is started again, after pauses of 1 s to 60 s, and given up when it has ended five times in a row.',
    'Ctrl-C or SIGTERM lets requests under way finish and ends everything that was started.',
  ],
}

export default strictCommand(help, async (line) => {
  const request = requestOf(line)
  const { logger } = await startSession(line)
  const perGpu = line.isOn('perGpu')
  const dryRun = line.isOn('dryRun')
  return async () => {
    const { serverCommands, shellCommand, startServer, visibleGpus } = await import(
      '../../server/serve/index.ts'
    )
    const options = { ...request, ...(perGpu ? { gpus: await visibleGpus() } : {}), logger }
    if (dryRun) {
      for (const { command } of serverCommands(options)) process.stdout.write(`${shellCommand(command)}\n`)
      return
    }
    const { address } = options
    if (address !== undefined && !/^(127\.|localhost$|::1$)/.test(address)) {
      logger.warn(
        `the server listens on ${address}: it asks nobody who they are, and whoever reaches it can use it`,
      )
    }
    const { verifyRepository } = await import('../../server/repository/index.ts')
    await withSignals(
      logger,
      async (signal) => {
        await verifyRepository(options.repository, signal)
        await using server = await startServer({ ...options, announce: true, signal })
        logger.info('ready; Ctrl-C stops the server')
        process.stdout.write(`${server.endpoints.map(({ grpcUrl }) => grpcUrl).join(',')}\n`)
        await Promise.race([server.ended, aborted(signal)])
      },
      1000 * ((request.drainTimeout ?? DRAIN_SECONDS) + STOP_SECONDS),
    )
  }
})

function requestOf(line: CommandLine): ServeOptions {
  const repository = line.text('repository')
  if (repository === undefined) throw new UsageError('--repository is missing')
  for (const word of line.positionals) {
    if (!word.startsWith('-')) throw new UsageError(`unexpected argument ${word}`)
  }
  const http = port(line, 'httpPort', '--http-port')
  const grpc = port(line, 'grpcPort', '--grpc-port')
  const metrics = port(line, 'metricsPort', '--metrics-port')
  const container = line.isOn('container')
  if (container) {
    for (const [name, flag] of NATIVE_ONLY) {
      if (line.text(name) !== undefined)
        throw new UsageError(`${flag} and --container contradict each other; keep one`)
    }
  } else if (line.text('imageTag') !== undefined) throw new UsageError('--image-tag needs --container')
  return {
    repository,
    serverBin: line.text('serverBin'),
    backendDirectory: line.text('backendDirectory'),
    libraryPath: line.text('libraryPath'),
    address: line.text('address'),
    ports: {
      ...(http === undefined ? {} : { http }),
      ...(grpc === undefined ? {} : { grpc }),
      ...(metrics === undefined ? {} : { metrics }),
    },
    startupTimeout: wholeNumber(line, 'startupTimeout', '--startup-timeout', 1, 1e6),
    drainTimeout: wholeNumber(line, 'drainTimeout', '--drain-timeout', 0, 1e6),
    container,
    imageTag: line.text('imageTag'),
    args: line.positionals,
  }
}

/** As `startServer` has it where nothing is said. */
const DRAIN_SECONDS = 30
/** What stopping may take beside the requests under way. */
const STOP_SECONDS = 25

const NATIVE_ONLY = [
  ['serverBin', '--server-bin'],
  ['backendDirectory', '--backend-directory'],
  ['libraryPath', '--library-path'],
] as const

function port(line: CommandLine, name: string, flag: string): number | undefined {
  return wholeNumber(line, name, flag, 1, 65_535)
}

function wholeNumber(
  line: CommandLine,
  name: string,
  flag: string,
  least: number,
  most: number,
): number | undefined {
  const text = line.text(name)
  if (text === undefined) return undefined
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= least && value <= most) return value
  throw new UsageError(
    `${flag}: expected a whole number from ${least} to ${most}, got ${JSON.stringify(text)}`,
  )
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((settle) => {
    if (signal.aborted) settle()
    else signal.addEventListener('abort', () => settle(), { once: true })
  })
}
