import { readdirSync, readFileSync } from 'node:fs'
import { demoBundle } from '../../scripts/support/plans.ts'
import { freePorts, tritonServer } from '../../scripts/support/triton.ts'
import { buildRepository } from '../../src/repository/index.ts'
import { spawnCli } from '../cli/support.ts'

/** A repository of the demo bundle for the Python backend; its files are copies, so that a test may damage them. */
export async function demoRepository(output: string): Promise<string> {
  await buildRepository({ bundle: demoBundle, backend: 'python', output, threads: 1, placement: 'copy' })
  return output
}

/** `virnucpro serve` with the test server on free ports, and what it prints. */
export async function serve(repository: string, args: string[] = [], env: Record<string, string> = {}) {
  const ports = await freePorts()
  const named = ['--http-port', ports.http, '--grpc-port', ports.grpc, '--metrics-port', ports.metrics].map(
    String,
  )
  const child = spawnCli(
    ['serve', '--repository', repository, '--server-bin', tritonServer, ...named, ...args],
    { env },
  )
  const printed = { out: '', err: '' }
  const reading = [gather(child.stdout, 'out'), gather(child.stderr, 'err')]
  async function gather(stream: ReadableStream<Uint8Array>, name: 'out' | 'err') {
    const decoder = new TextDecoder()
    for await (const bytes of stream) printed[name] += decoder.decode(bytes, { stream: true })
  }
  return {
    child,
    ports,
    printed,
    /** Resolves when the addresses have been printed, or the command has ended. */
    async ready() {
      while (!printed.out.includes('\n') && child.exitCode === null) await Bun.sleep(20)
    },
    async ended() {
      const code = await child.exited
      await Promise.all(reading)
      return { code, ...printed }
    },
  }
}

/** Processes that a command has started, and those that they have: by their session's leader or parent. */
export function descendants(pid: number): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      // Fields after the name in parentheses: state, parent.
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
    } catch {
      // It has ended meanwhile.
    }
  }
  const found = [pid]
  for (const parent of found) {
    for (const [child, of] of parents) if (of === parent) found.push(child)
  }
  return found.slice(1)
}

export function isAlive(pid: number): boolean {
  try {
    // A process that has ended and that nobody has waited for yet is dead as well.
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** Shared memory made by servers that process `pid` started. */
export function regionsOf(pid: number): string[] {
  return readdirSync('/dev/shm').filter((name) => name.startsWith(`virnucpro_${pid}_`))
}

export async function healthy(port: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/v2/health/ready`, {
    headers: { connection: 'close' },
    keepalive: false,
  }).catch(() => undefined)
  return answer?.ok ?? false
}
