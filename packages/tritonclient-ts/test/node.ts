import { mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dir, '../../..')

/** Runs a command and returns what it printed; throws with all of it when it fails. */
export async function run(command: string[], cwd = ROOT): Promise<string> {
  const child = Bun.spawn(command, { cwd, stdout: 'pipe', stderr: 'pipe' })
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  // Node's warnings, such as of leaked listeners, count as failures.
  if ((await child.exited) !== 0 || /warning/i.test(command[0] === 'node' ? err : ''))
    throw new Error(`${command.join(' ')} failed:\n${out}\n${err}`)
  return out
}

/** A folder in which the packed package is installed as a user would have it, its dependencies beside it. */
export async function installPackage(folder: string): Promise<string> {
  const built = join(folder, 'built')
  await run(['scripts/build-tritonclient.sh', built])
  const packed = await run([
    'npm',
    'pack',
    '--ignore-scripts',
    '--silent',
    '--pack-destination',
    folder,
    built,
  ])
  const modules = join(folder, 'node_modules')
  mkdirSync(join(modules, 'tritonclient-ts'), { recursive: true })
  for (const scope of ['@grpc', '@bufbuild', '@types'])
    symlinkSync(join(ROOT, 'node_modules', scope), join(modules, scope))
  const tarball = join(folder, packed.trim())
  await run(['tar', '-xzf', tarball, '-C', join(modules, 'tritonclient-ts'), '--strip-components=1'])
  return folder
}

/** Runs a program of programs/ under Node with the installed package and returns what it reported. */
export async function underNode<T>(folder: string, program: string, ...args: string[]): Promise<T> {
  return await underNodeWith([], folder, program, ...args)
}

/** The same with options of Node itself. */
export async function underNodeWith<T>(
  options: readonly string[],
  folder: string,
  program: string,
  ...args: string[]
): Promise<T> {
  const source = join(import.meta.dir, 'programs/main.ts')
  await run([process.execPath, 'build', source, '--target=node', `--outfile=${join(folder, 'main.mjs')}`])
  return JSON.parse(
    await run(['node', ...options, join(folder, 'main.mjs'), 'tritonclient-ts', program, ...args], folder),
  )
}

/** Files of the installed package. */
export function packageFiles(folder: string): string[] {
  return readdirSync(join(folder, 'node_modules/tritonclient-ts'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}
