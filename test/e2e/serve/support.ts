import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { demoBundle } from '../../../scripts/support/plans.ts'
import { freePorts, tritonServer } from '../../../scripts/support/triton.ts'
import { buildRepository } from '../../../src/server/repository/index.ts'
import { spawnCli } from '../cli/support.ts'

/** A repository of the demo bundle for the Python backend; its files are copies, so that a test may damage them. */
export async function demoRepository(output: string): Promise<string> {
  await buildRepository({ bundle: demoBundle, backend: 'python', output, threads: 1, placement: 'copy' })
  return output
}

/** `virnucpro serve` with the test server on free ports, and what it prints. */
export async function serve(repository: string, args: string[] = [], env: Record<string, string> = {}) {
  const ports = await portsInSteps()
  const named = ['--http-port', ports.http, '--grpc-port', ports.grpc, '--metrics-port', ports.metrics].map(
    String,
  )
  const program = args.includes('--container') ? [] : ['--server-bin', tritonServer]
  const child = spawnCli(['serve', '--repository', repository, ...program, ...named, ...args], { env })
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

/** Free ports, with as many free for a second server that has its own three above them. */
export async function portsInSteps() {
  for (;;) {
    const { http } = await freePorts()
    const all = Array.from({ length: 6 }, (_, i) => http + i)
    if (http < 65_000 && (await Promise.all(all.map(isFree))).every(Boolean))
      return { http, grpc: http + 1, metrics: http + 2 }
  }
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((settle) => {
    const server = createServer().once('error', () => settle(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => settle(true)))
  })
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

/** Lets both models take some seconds for each request, so that a run is still under way when something happens. */
export async function slowDown(repository: string, seconds: number): Promise<void> {
  for (const model of ['esm2', 'dnabert_s']) {
    const folder = join(repository, model)
    for (const name of readdirSync(folder)) {
      const file = join(folder, name, 'model.py')
      if (!existsSync(file)) continue
      const text = readFileSync(file, 'utf8')
      const head = 'def respond(self, request):'
      if (!text.includes(head)) throw new Error(`${file} has no ${head}`)
      writeFileSync(file, text.replace(head, `${head}\n        import time; time.sleep(${seconds})`))
    }
  }
}

/** Servers with a model repository. */
export function processesOf(repository: string): number[] {
  return processesWith(`--model-repository=${repository}\0`)
}

/** Processes that have this in their command lines, whose words end with a zero byte. */
export function processesWith(words: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(words)
      } catch {
        return false
      }
    })
    .map(Number)
}
