/**
 * Disturbs real commands on real servers, a fault each minute, for an hour: outputs stay right, and memory, descriptors,
 * processes and shared memory stay where they are.
 * Usage: bun test/soak/run.ts [--minutes N] [--seed S] [--fault-every SECONDS] [--faults-per-sample N] [--json] [--record]
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { soak } from './soak.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    seed: { type: 'string' },
    'fault-every': { type: 'string', default: '60' },
    'faults-per-sample': { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
  },
})

/** File systems of its own, which go with it: shared memory that is nobody else's, small disks to fill. */
const NAMESPACES = [
  ['unshare', '--mount'],
  ['unshare', '--mount', '--map-root-user'],
]

function namespace(): string[] | undefined {
  return NAMESPACES.find(
    ([program = '', ...words]) =>
      spawnSync(program, [...words, 'sh', '-c', 'mount -t tmpfs none /dev/shm']).status === 0,
  )
}

async function inNamespace(): Promise<number | undefined> {
  const words = process.env.SOAK_MAY_MOUNT === undefined ? namespace() : undefined
  if (words === undefined) return undefined
  const script = 'mount -t tmpfs -o size=2g tmpfs /dev/shm && exec "$@"'
  const child = Bun.spawn([...words, 'sh', '-c', script, 'sh', process.execPath, ...process.argv.slice(1)], {
    env: { ...process.env, SOAK_MAY_MOUNT: '1' },
    stdin: 'ignore',
    stdout: 'inherit',
    stderr: 'inherit',
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  return await child.exited
}

const RECORD = join(import.meta.dir, '../reliability/records/soak.json')

async function main(): Promise<number> {
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9))
  const log = (line: string) => console.error(`${new Date().toISOString().slice(11, 19)} ${line}`)
  log(`seed ${seed}`)
  const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], {
    cwd: import.meta.dir,
    encoding: 'utf8',
  })
  const report = await soak({
    minutes: Number(values.minutes),
    seed,
    secondsBetweenFaults: Number(values['fault-every']),
    faultsBetweenSamples: Number(values['faults-per-sample']),
    log,
  })
  const record = { date: new Date().toISOString().slice(0, 10), commit: commit.stdout?.trim(), ...report }
  const text = JSON.stringify(record, undefined, values.json ? undefined : 2)
  console.log(text)
  if (values.record) {
    mkdirSync(dirname(RECORD), { recursive: true })
    writeFileSync(RECORD, `${text}\n`)
  }
  return report.differences.length + report.notFlat.length + report.leftOver.length === 0 ? 0 : 1
}

process.exit((await inNamespace()) ?? (await main()))
