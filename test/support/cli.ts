import { resolve } from 'node:path'

export const repository = resolve(import.meta.dir, '../..')

export interface CliResult {
  code: number
  stdout: string
  stderr: string
}

/** Runs the real command line, as a user would, in the given folder. */
export async function virnucpro(
  words: readonly string[],
  cwd: string = repository,
  env: Readonly<Record<string, string>> = {},
): Promise<CliResult> {
  const child = Bun.spawn([process.execPath, resolve(repository, 'src/cli/main.ts'), ...words], {
    cwd,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    env: { ...process.env, NO_COLOR: '1', ...env },
  })
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { code, stdout, stderr }
}

/** Runs a command line that must succeed. */
export async function succeed(...words: string[]): Promise<CliResult> {
  const result = await virnucpro(words)
  if (result.code !== 0)
    throw new Error(`virnucpro ${words.join(' ')} exited with ${result.code}:\n${result.stderr}`)
  return result
}
