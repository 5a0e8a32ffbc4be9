import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { repository, resultOf, type SpawnOptions, spawnCli as spawnIn } from '../../support/cli.ts'

export { temporaryFolder } from '../../../scripts/support/temporary.ts'
export { repository }

export interface Outcome {
  code: number
  out: string
  err: string
}

/** Starts the command line outside the checkout unless another folder is named. */
export function spawnCli(args: string[], options: SpawnOptions = {}) {
  return spawnIn(args, { cwd: tmpdir(), ...options })
}

/** Runs the command line to its end. */
export async function virnucpro(args: string[], options: SpawnOptions = {}): Promise<Outcome> {
  const { code, stdout: out, stderr: err } = await resultOf(spawnCli(args, options))
  return { code, out, err }
}

/** Runs the command line as a shell line, with `virnucpro` for the program: a shell hands on redirections and any bytes. */
export async function shell(line: string, cwd: string): Promise<Outcome> {
  const program = [process.execPath, join(repository, 'src/cli/main.ts')].map((word) => `'${word}'`).join(' ')
  const child = Bun.spawn(['bash', '-c', `virnucpro() { ${program} "$@"; }\n${line}`], {
    cwd,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  return { code: await child.exited, out, err }
}

interface Shown {
  value: unknown
  origin: string
  name?: string
  file?: string
}

/** What `virnucpro config --json` makes of a command line. */
export async function effective(args: string[], options: SpawnOptions = {}): Promise<Record<string, Shown>> {
  const { code, out, err } = await virnucpro(['config', '--json', ...args], options)
  if (code !== 0) throw new Error(`exit ${code}: ${err}`)
  return JSON.parse(out).settings
}

/** Only the values of some settings. */
export async function values(names: string[], args: string[], options: SpawnOptions = {}) {
  const settings = await effective(args, options)
  return Object.fromEntries(names.map((name) => [name, settings[name]?.value]))
}
