import { resolve } from 'node:path'

export const repository = resolve(import.meta.dir, '../..')
const entry = resolve(repository, 'src/cli/main.ts')

export interface CliResult {
  code: number
  stdout: string
  stderr: string
}

export interface SpawnOptions {
  /** Default: the checkout. */
  cwd?: string
  env?: Readonly<Record<string, string>>
  /** Words before the command, which start it in another network or with other mounts. */
  within?: readonly string[]
  /** Arguments for Bun itself, before the program. */
  runtime?: readonly string[]
}

/** The environment of a user: what this test run was started with must not decide what the program does. */
function cleanEnvironment(): Record<string, string> {
  const inherited = Object.entries(process.env).filter(
    ([name, value]) =>
      value !== undefined && !/^(VIRNUCPRO_|NO_COLOR|FORCE_COLOR|TEST$|CI$|NODE_ENV$)/.test(name),
  )
  // The home of the test run; see preload.ts.
  return { ...Object.fromEntries(inherited), VIRNUCPRO_HOME: process.env.VIRNUCPRO_HOME ?? '' }
}

/** Starts the real command line, as a user would. */
export function spawnCli(words: readonly string[], options: SpawnOptions = {}) {
  return Bun.spawn(
    [...(options.within ?? []), process.execPath, ...(options.runtime ?? []), entry, ...words],
    {
      cwd: options.cwd ?? repository,
      env: { ...cleanEnvironment(), ...options.env },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    },
  )
}

/** What a command line that was started has printed when it has ended. */
export async function resultOf(child: ReturnType<typeof spawnCli>): Promise<CliResult> {
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { code, stdout, stderr }
}

/** Runs the real command line to its end in the given folder. */
export async function virnucpro(
  words: readonly string[],
  cwd: string = repository,
  env: Readonly<Record<string, string>> = {},
): Promise<CliResult> {
  return await resultOf(spawnCli(words, { cwd, env: { NO_COLOR: '1', ...env } }))
}

/** Runs a command line that must succeed. */
export async function succeed(...words: string[]): Promise<CliResult> {
  const result = await virnucpro(words)
  if (result.code !== 0)
    throw new Error(`virnucpro ${words.join(' ')} exited with ${result.code}:\n${result.stderr}`)
  return result
}
