import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

export const repository = resolve(import.meta.dir, '../..')
const entry = join(repository, 'src/cli/main.ts')

export interface Outcome {
  code: number
  out: string
  err: string
}

export interface SpawnOptions {
  cwd?: string
  env?: Record<string, string>
  /** Arguments for Bun itself, before the program. */
  runtime?: string[]
}

/** The environment of a user: what this test run was started with must not decide what the program does. */
function cleanEnvironment(extra: Record<string, string>): Record<string, string> {
  const inherited = Object.entries(process.env).filter(
    ([name, value]) =>
      value !== undefined && !/^(VIRNUCPRO_|NO_COLOR|FORCE_COLOR|TEST$|CI$|NODE_ENV$)/.test(name),
  ) as [string, string][]
  return { ...Object.fromEntries(inherited), ...extra }
}

export function spawnCli(args: string[], options: SpawnOptions = {}) {
  return Bun.spawn([process.execPath, ...(options.runtime ?? []), entry, ...args], {
    cwd: options.cwd ?? tmpdir(),
    env: cleanEnvironment(options.env ?? {}),
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
}

/** Runs the command line to its end. */
export async function virnucpro(args: string[], options: SpawnOptions = {}): Promise<Outcome> {
  const child = spawnCli(args, options)
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { code, out, err }
}

/** An empty folder that is removed when the scope ends: `using folder = temporaryFolder()`. */
export function temporaryFolder() {
  const path = mkdtempSync(join(tmpdir(), 'virnucpro-cli-'))
  return {
    path,
    join: (...parts: string[]) => join(path, ...parts),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  }
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
