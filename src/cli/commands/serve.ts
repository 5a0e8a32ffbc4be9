import { duration, flag, oneOf, option, section, text, wholeNumber } from '../../settings/index.ts'
import { TryAgainError, UsageError } from '../../system/errors.ts'
import type { Logger } from '../../system/logger.ts'
import { printable } from '../../system/printable.ts'
import { columns } from '../../text/columns.ts'
import { command } from '../command.ts'

/** What stopping may take beside the requests under way, in seconds. */
const STOP_SECONDS = 25

const port = wholeNumber('N', 1, 65_535)
const SERVER_BIN = '`tritonserver` of PATH or of `/opt/tritonserver/bin`'

export default command({
  usage: ['--repository DIR [OPTIONS] [-- SERVER OPTIONS]'],
  notes: [
    'When every model is ready, the addresses for --triton are printed on standard output.',
    'A server that ends by itself is started again, after pauses of 1 s to 60 s, and given up when it has ended five times in a row.',
    'Ctrl-C or SIGTERM lets requests in progress finish and ends everything that was started.',
  ],
  words: 'more',
  options: {
    ...section('Server', {
      repository: option(text('DIR'), 'model repository, made by `virnucpro repository build`'),
      serverBin: option(text('PATH'), 'server program', { otherwise: SERVER_BIN, excludes: 'container' }),
      backendDirectory: option(text('DIR'), "folder of the server's backends", {
        otherwise: "the server's own",
        excludes: 'container',
      }),
      libraryPath: option(
        text('DIR[:…]'),
        'folders of libraries that the server needs, before those of `LD_LIBRARY_PATH`',
        { excludes: 'container' },
      ),
      perGpu: flag('one server for each GPU, each with ports 3 above those of the one before'),
      startupTimeout: option(wholeNumber('SECONDS', 1, 1e6), 'give up when a model is not ready by then', {
        default: 600,
      }),
      drainTimeout: option(
        wholeNumber('SECONDS', 0, 1e6),
        'how long requests in progress may take when the server stops',
        { default: 30 },
      ),
      idleTimeout: option(
        duration,
        'end by itself when nobody has used the servers for so long: 90s, 15m, 2h',
        { otherwise: 'never' },
      ),
      dryRun: flag('print the commands and start nothing'),
    }),
    ...section('Servers that run', {
      list: flag('list the servers that you have started on this machine, and start none'),
      stop: flag('end those that `predict --keep-server` has left running, and start none', {
        excludes: 'list',
      }),
    }),
    ...section('Where it listens', {
      address: option(
        text('ADDRESS'),
        'address for HTTP, gRPC and metrics; `0.0.0.0` for every network of the machine',
        { otherwise: '`127.0.0.1`, this machine only' },
      ),
      httpPort: option(port, 'port for HTTP', { default: 8000 }),
      grpcPort: option(port, 'port for gRPC', { default: 8001 }),
      metricsPort: option(port, 'port for metrics', { default: 8002 }),
    }),
    ...section('Container', {
      container: flag('run a container in place of a server program'),
      containerEngine: option(oneOf('docker', 'podman', 'apptainer'), 'what runs it', {
        default: 'docker',
        needs: 'container',
      }),
      image: option(text('IMAGE'), "another image than NVIDIA's; for Apptainer also a file", {
        needs: 'container',
        excludes: 'imageTag',
      }),
      imageTag: option(text('TAG'), 'tag of its image', {
        otherwise: '`VIRNUCPRO_TRITON_TAG`, else 26.09-py3',
        needs: 'container',
      }),
    }),
  },
  check({ words }) {
    const surplus = words.find((word) => !word.startsWith('-'))
    if (surplus !== undefined) throw new UsageError(`unexpected argument ${surplus}`)
  },
  patienceMs: ({ drainTimeout }) => 1000 * (drainTimeout + STOP_SECONDS),
  async run({ args, words, logger, signal }) {
    const {
      list,
      stop,
      perGpu,
      dryRun,
      httpPort: http,
      grpcPort: grpc,
      metricsPort: metrics,
      container: isContained,
      containerEngine,
      ...given
    } = args
    if (list) return await listServers()
    if (stop) return await stopServers(logger)
    const { repository } = given
    if (repository === undefined) throw new UsageError('missing option --repository')
    const { serverCommands, serverShares, shellCommand, startServer, visibleGpus } = await import(
      '../../server/serve/index.ts'
    )
    const container = isContained ? containerEngine : undefined
    const gpus = perGpu ? await visibleGpus() : isContained ? undefined : await serverShares()
    const ports = { http, grpc, metrics }
    const options = { ...given, repository, container, ports, args: words, gpus, logger }
    if (dryRun) {
      for (const { command } of serverCommands(options)) process.stdout.write(`${shellCommand(command)}\n`)
      return
    }
    const { address } = options
    if (address !== undefined && !/^(127\.|localhost$|::1$)/.test(address)) {
      logger.warn(
        `the server listens on ${address}: it has no authentication, and anyone who can reach it can use it`,
      )
    }
    const { verifyRepository } = await import('../../server/repository/index.ts')
    await verifyRepository(options.repository, signal)
    await using server = await startServer({ ...options, announce: true, signal })
    logger.info('ready; Ctrl-C stops the server')
    process.stdout.write(`${server.endpoints.map(({ grpcUrl }) => grpcUrl).join(',')}\n`)
    await Promise.race([server.ended, aborted(signal)])
  },
})

const HEADER = ['ADDRESS', 'GPUS', 'SINCE', 'ENDS', 'REPOSITORY']

async function listServers(): Promise<void> {
  const { OwnServers } = await import('../../server/serve/index.ts')
  const rows = new OwnServers().list().map(({ grpcUrl, gpu, since, idleTimeout, repository }) => {
    const ends = idleTimeout === undefined ? 'never' : `${idleTimeout} s without use`
    return [grpcUrl, gpu ?? 'all', since ?? '-', ends, printable(repository)]
  })
  if (rows.length > 0) process.stdout.write(`${columns([HEADER, ...rows]).join('\n')}\n`)
}

/** @throws TryAgainError when one does not end */
async function stopServers(logger: Logger): Promise<void> {
  const { stopKept } = await import('../../server/serve/index.ts')
  const { ended, left } = await stopKept()
  for (const { grpcUrl } of ended) logger.info(`the server at ${grpcUrl} has ended`)
  if (ended.length + left.length === 0) logger.info('no server runs that a run has left')
  if (left.length > 0) {
    const urls = left.map(({ grpcUrl }) => grpcUrl).join(', ')
    throw new TryAgainError(`the server at ${urls} has been asked to end, and has not ended yet`)
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((settle) => {
    if (signal.aborted) settle()
    else signal.addEventListener('abort', () => settle(), { once: true })
  })
}
