import { resolve } from 'node:path'

/** The Python of scripts/test-triton.sh, whose packages hold a C compiler and NVIDIA's run-time compiler. */
export const compilerPython = resolve(import.meta.dir, '../../.cache/triton/venv/bin/python')

/** Compiles C or C++ without its standard library, by the name of the source. Throws with the compiler's words. */
export async function compile(source: string, output: string, ...options: string[]): Promise<void> {
  const language = source.endsWith('.c')
    ? ['cc']
    : ['c++', '-nostdlib++', '-fno-exceptions', '-fno-rtti', '-std=c++17']
  const child = Bun.spawn(
    [compilerPython, '-m', 'ziglang', ...language, '-O2', '-o', output, ...options, source, '-lm'],
    { stdout: 'pipe', stderr: 'pipe' },
  )
  const err = await new Response(child.stderr).text()
  if ((await child.exited) !== 0) throw new Error(`the compiler failed on ${source}:\n${err}`)
}
