import { resolve } from 'node:path'
import { isInstalled } from '../../scripts/support/installed.ts'

/** A Python with numpy and torch, made by scripts/test-python.sh. */
export const python =
  process.env.VIRNUCPRO_TEST_PYTHON ?? resolve(import.meta.dir, '../../.cache/test-python/bin/python')

/** True where that Python is present. */
export const hasPython = isInstalled(python, 'scripts/test-python.sh')

/** Runs a Python program given as text and returns what it printed; throws with its stderr when it fails. */
export async function runPython(program: string, ...args: string[]): Promise<string> {
  const child = Bun.spawn([python, '-c', program, ...args], { stdout: 'pipe', stderr: 'pipe' })
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  if (code !== 0) throw new Error(`python exited with ${code}:\n${err}`)
  return out
}
