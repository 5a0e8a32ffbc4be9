import { spawn } from 'node:child_process'
import { closeSync, openSync, rmSync } from 'node:fs'
import { extname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { Logger } from '../../system/logger.ts'
import { requireProcessGroups } from '../../system/platform.ts'
import { processStart } from '../../system/processes.ts'
import { ServerError } from './errors.ts'
import type { ServeOptions } from './options.ts'
import { type OwnServer, OwnServers } from './own-servers.ts'
import { runtimeFolder } from './runtime-folder.ts'

/** How a server is started that goes on when this program ends. */
export type KeptOptions = Omit<
  ServeOptions,
  'announce' | 'background' | 'endsAtOnce' | 'logger' | 'signal'
> & {
  /** Seconds without use after which it ends. */
  readonly idleTimeout: number
}

/** What keeper.ts says. */
export type KeeperLine =
  | { readonly info: string }
  | { readonly ready: readonly string[] }
  | { readonly failed: readonly string[] }

/** What a server gets to end requests under way, and then its processes. */
const STOP_MS = 60_000

/**
 * Starts a server that outlives this program, and waits until it is ready. It ends when nobody has used it for the time
 * given; other programs of this user find it as they find those of `serve`. Stopped meanwhile, it goes again.
 *
 * @returns undefined where it cannot be made known to others, as without a private folder: nobody would find it
 * @throws ServerError when it does not start
 */
export async function keepServer(
  options: KeptOptions,
  { logger, signal }: { logger: Logger; signal?: AbortSignal | undefined },
): Promise<OwnServer[] | undefined> {
  requireProcessGroups('a server cannot be started')
  const folder = runtimeFolder(true)
  if (folder === undefined) return undefined
  signal?.throwIfAborted()
  const path = join(folder, `kept-${crypto.randomUUID()}.log`)
  const log = openSync(path, 'wx', 0o600)
  // A group of its own, whose leader no terminal and no Ctrl-C reaches, in a folder that it does not hold.
  const child = spawn(process.execPath, [join(import.meta.dir, `keeper${extname(import.meta.path)}`), path], {
    cwd: folder,
    detached: true,
    stdio: ['pipe', 'pipe', log],
  })
  closeSync(log)
  child.once('error', () => {})
  const { stdin, stdout } = child
  if (stdin === null || stdout === null) throw new ServerError('no program can be started in the background')
  const onAbort = () => child.kill('SIGTERM')
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    stdin.on('error', () => {})
    stdin.end(JSON.stringify({ ...options, repository: resolve(options.repository) }))
    const urls = await ready(createInterface(stdout), logger)
    signal?.throwIfAborted()
    const found = new OwnServers().list().filter(({ grpcUrl }) => urls.includes(grpcUrl))
    if (found.length === urls.length) return found
    child.kill('SIGTERM')
    return undefined
  } catch (error) {
    rmSync(path, { force: true })
    throw error
  } finally {
    signal?.removeEventListener('abort', onAbort)
    stdout.destroy()
    child.unref()
  }
}

/** @throws ServerError */
async function ready(lines: AsyncIterable<string>, logger: Logger): Promise<readonly string[]> {
  for await (const text of lines) {
    const line: KeeperLine = JSON.parse(text)
    if ('info' in line) logger.info(line.info)
    else if ('ready' in line) return line.ready
    else throw new ServerError(line.failed)
  }
  throw new ServerError('the server in the background was killed before it was ready')
}

/** Ends the servers of this user that outlive who asked for them; requests under way may finish. */
export async function stopKept(): Promise<{ ended: OwnServer[]; left: OwnServer[] }> {
  const kept = new OwnServers().list().filter(({ background }) => background)
  for (const server of kept) if (runs(server)) process.kill(server.starter.pid, 'SIGTERM')
  const end = performance.now() + STOP_MS
  while (kept.some(runs) && performance.now() < end) await Bun.sleep(50)
  return { ended: kept.filter((server) => !runs(server)), left: kept.filter(runs) }
}

type Started = OwnServer & { readonly starter: NonNullable<OwnServer['starter']> }

function runs(server: OwnServer): server is Started {
  const { starter } = server
  return starter !== undefined && processStart(starter.pid) === starter.start
}
