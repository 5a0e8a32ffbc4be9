import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { isInstalled } from '../../scripts/support/installed.ts'
import { repository } from './cli.ts'

/** Engines of workflows, installed by scripts/test-workflows.sh. */
const engines = process.env.VIRNUCPRO_TEST_WORKFLOWS ?? resolve(repository, '.cache/workflows')

/** True where they are present. */
export const hasEngines = isInstalled(join(engines, 'installed'), 'scripts/test-workflows.sh', engines)

/** Programs of a Python environment, and Nextflow. */
export function engine(name: string): string {
  return name === 'nextflow' ? join(engines, name) : join(engines, 'venv/bin', name)
}

/**
 * Puts the command line of the checkout into `bin/` as `virnucpro`.
 *
 * @param killed - the run over the shard of this number is killed the first time, once it has begun
 */
export function installCommand(folder: string, killed?: string): void {
  const bin = join(folder, 'bin')
  mkdirSync(bin, { recursive: true })
  const program = `"${process.execPath}" "${join(repository, 'src/cli/main.ts')}"`
  const kill = `
case "$*" in predict*_shard_${killed}*)
  if [ ! -e "${folder}/killed" ]; then
    : > "${folder}/killed"
    ${program} "$@" &
    until [ -n "$(find . -path '*/.virnucpro/*_shard_${killed}/run.json')" ]; do sleep 0.02; done
    kill -9 $!
    wait $!
    exit 137
  fi ;;
esac
`
  const script = `#!/bin/sh\nexport VIRNUCPRO_HOME="${folder}/home"\n${killed === undefined ? '' : kill}exec ${program} "$@"\n`
  writeFileSync(join(bin, 'virnucpro'), script)
  chmodSync(join(bin, 'virnucpro'), 0o755)
}

export interface Finished {
  code: number
  output: string
}

/** Runs an engine in a folder where `virnucpro` is installed. */
export async function runEngine(
  words: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  const [program = '', ...rest] = words
  const child = Bun.spawn([engine(program), ...rest], {
    cwd,
    env: { ...process.env, PATH: `${cwd}/bin:${process.env.PATH}`, NO_COLOR: '1', ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { code, output: stdout + stderr }
}

/** The same of one that must succeed. */
export async function engineSucceeds(...run: Parameters<typeof runEngine>): Promise<string> {
  const { code, output } = await runEngine(...run)
  if (code !== 0) throw new Error(`${run[0].join(' ')} exited with ${code}:\n${output}`)
  return output
}
