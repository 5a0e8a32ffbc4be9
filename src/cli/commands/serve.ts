import type { OwnServer, ServeOptions } from '../../server/serve/index.ts'
import {
  duration,
  flag,
  gpus as gpuNumbers,
  oneOf,
  option,
  section,
  text,
  wholeNumber,
} from '../../settings/index.ts'
import { TryAgainError, UsageError } from '../../system/errors.ts'
import type { Logger } from '../../system/logger.ts'
import { requireProcessGroups } from '../../system/platform.ts'
import { printable } from '../../system/printable.ts'
import { columns } from '../../text/columns.ts'
import { command } from '../command.ts'
import { jsonOutput, printJson } from '../json.ts'

/** What stopping may take beside the requests under way, in seconds. */
const STOP_SECONDS = 25

const port = wholeNumber('N', 1, 65_535)
const SERVER_BIN = '`tritonserver` of PATH or of `/opt/tritonserver/bin`'

export default command({
  usage: ['[OPTIONS] [-- SERVER OPTIONS]', '--repository DIR [OPTIONS] [-- SERVER OPTIONS]'],
  examples: [
    ['Serve the default bundle until Ctrl-C:', 'serve'],
    ['Serve a repository to other machines:', 'serve --repository repository --address 0.0.0.0'],
    ['List the servers that run on this machine:', 'serve --list'],
  ],
  usual: [
    'repository',
    'gpus',
    'perGpu',
    'idleTimeout',
    'list',
    'stop',
    'address',
    'grpcPort',
    'container',
    'dryRun',
  ],
  notes: [
    'Without --repository it serves the default bundle of the home: on the GPUs that virnucpro setup has set up, or on the processor of a machine without GPUs.',
    'When every model is ready, the addresses for virnucpro predict --triton are printed on standard output.',
    'A server that ends by itself is started again, after pauses of 1 s to 60 s, and given up when it has ended five times in a row.',
    'Ctrl-C or SIGTERM lets requests in progress finish and ends everything that was started.',
  ],
  words: 'more',
  exits:
    '`66` no repository; `69` no server program, GPUs that are not set up, it does not start, or a port is taken; `75` it ended by itself',
  options: {
    ...section('Server', {
      repository: option(text('DIR'), 'model repository, made by `virnucpro repository build`', {
        otherwise: "the home's",
      }),
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
      gpus: option(gpuNumbers, 'GPUs to use, by number', { otherwise: 'all' }),
      perGpu: flag('one server for each GPU, each with ports 3 above those of the one before'),
      startupTimeout: option(wholeNumber('SECONDS', 1, 1e6), 'give up when a model is not ready by then', {
        default: 600,
      }),
      drainTimeout: option(
        wholeNumber('SECONDS', 0, 1e6),
        'how long requests in progress may take when the server stops',
        { default: 30 },
      ),
      idleTimeout: option(duration, 'stop when nobody has used the servers for this time: 90s, 15m, 2h', {
        otherwise: 'never',
      }),
      dryRun: flag('print the commands and start nothing'),
    }),
    ...section('Servers that run', {
      list: flag('list the servers that you have started on this machine, and start none'),
      json: {
        ...jsonOutput.json,
        help: 'with `--list`: print JSON, for [programs](reference/json.md)',
        needs: 'list',
      },
      stop: flag('end those that `virnucpro predict --keep-server` has left running, and start none', {
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
      json,
      stop,
      perGpu,
      dryRun,
      httpPort: http,
      grpcPort: grpc,
      metricsPort: metrics,
      container: isContained,
      containerEngine,
      gpus: numbers,
      repository,
      idleTimeout,
      ...given
    } = args
    if (list) return await listServers(json, logger)
    if (stop) return await stopServers(logger)
    if (!dryRun) requireProcessGroups('a server cannot be started')
    const { serverCommands, shellCommand, startServer } = await import('../../server/serve/index.ts')
    const container = isContained ? containerEngine : undefined
    const named = { ...given, container }
    const served =
      repository === undefined
        ? await servedByHome(named, { numbers, perGpu, dryRun, logger, signal })
        : { ...named, repository, gpus: await sharesOf(numbers, perGpu, isContained) }
    const ports = { http, grpc, metrics }
    const options = { ...served, idleTimeout: idleTimeout || undefined, ports, args: words, logger }
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

/** What each server gets of the GPUs with these numbers, or of all. */
async function sharesOf(
  numbers: readonly number[] | undefined,
  perGpu: boolean,
  isContained: boolean,
): Promise<readonly string[] | undefined> {
  const { pickGpus } = await import('../../machine/index.ts')
  const { findGpus, serverShares, visibleGpus } = await import('../../server/serve/index.ts')
  if (numbers === undefined)
    return perGpu ? await visibleGpus() : isContained ? undefined : await serverShares()
  const found = await findGpus()
  const chosen = pickGpus(found, numbers)
  return perGpu ? chosen : await serverShares(chosen)
}

interface HomeRequest {
  readonly numbers: readonly number[] | undefined
  readonly perGpu: boolean
  readonly dryRun: boolean
  readonly logger: Logger
  readonly signal: AbortSignal
}

/** The repository of the home, and how its server is started; options that say it otherwise win. */
async function servedByHome(
  given: Omit<ServeOptions, 'repository'>,
  { numbers, perGpu, dryRun, logger, signal }: HomeRequest,
): Promise<ServeOptions> {
  const { openBundle } = await import('../../bundle/index.ts')
  const { findBundle } = await import('../../home/index.ts')
  const { cpuRepository, HomeGpus } = await import('../../server/deploy/index.ts')
  const { serverShares } = await import('../../server/serve/index.ts')
  const base = await openBundle((await findBundle(undefined)).folder, signal)
  const home = await HomeGpus.look({ base, numbers, logger, signal })
  const named = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  if (home.gpus.length === 0) {
    if (numbers !== undefined) await sharesOf(numbers, perGpu, false)
    logger.info(`serving on the processor: ${home.lack.text}`)
    return { ...named, repository: await cpuRepository(base, { logger, signal, mayMake: !dryRun }) }
  }
  if (!home.areSetUp) throw await home.notSetUp()
  const { launch } = await home.server(!dryRun)
  const shares = perGpu ? home.gpus.map(({ uuid }) => uuid) : await serverShares(launch.gpus)
  return { ...launch, ...named, repository: launch.repository, gpus: shares }
}

function factsOf({ grpcUrl, metricsUrl, repository, gpu, background, idleTimeout, since }: OwnServer) {
  return {
    grpcUrl,
    metricsUrl,
    repository,
    gpus: gpu?.split(',') ?? null,
    kept: background,
    idleTimeout: idleTimeout ?? null,
    since: since ?? null,
  }
}

const HEADER = ['ADDRESS', 'GPUS', 'SINCE', 'ENDS', 'REPOSITORY']

async function listServers(json: boolean, logger: Logger): Promise<void> {
  const { OwnServers } = await import('../../server/serve/index.ts')
  const servers = new OwnServers().list()
  if (json) return printJson('servers', { servers: servers.map(factsOf) })
  const rows = servers.map(({ grpcUrl, gpu, since, idleTimeout, repository }) => {
    const ends = idleTimeout === undefined ? 'never' : `${idleTimeout} s without use`
    return [grpcUrl, gpu ?? 'all', since ?? '-', ends, printable(repository)]
  })
  if (rows.length === 0) logger.info('no server of yours is running on this machine')
  else process.stdout.write(`${columns([HEADER, ...rows]).join('\n')}\n`)
}

/** @throws TryAgainError when one does not end */
async function stopServers(logger: Logger): Promise<void> {
  const { stopKept } = await import('../../server/serve/index.ts')
  const { ended, left } = await stopKept()
  for (const { grpcUrl } of ended) logger.info(`the server at ${grpcUrl} has ended`)
  if (ended.length + left.length === 0) logger.info('no kept server is running')
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
