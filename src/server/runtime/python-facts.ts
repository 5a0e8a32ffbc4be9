import { resolve } from 'node:path'
import * as v from 'valibot'
import { parseJson } from '../../system/json.ts'
import { messageOf } from '../../system/problems.ts'

/** Modules and libraries of a Python that plans need; see python/python_facts.py. */
export const PythonFactsSchema = v.object({
  executable: v.nullable(v.string()),
  python: v.string(),
  numpy: v.nullable(v.string()),
  tensorrt: v.nullable(v.string()),
  module: v.nullable(v.string()),
  problem: v.nullable(v.string()),
  runtime: v.boolean(),
  compiler: v.boolean(),
  products: v.boolean(),
  library: v.nullable(v.string()),
  libraryPath: v.string(),
})
export type PythonFacts = v.InferOutput<typeof PythonFactsSchema>

/** Modules that the models of a repository are made of. */
export const MODULES = resolve(import.meta.dir, '../../../model_repository/python')

/** A Python that hangs counts as missing. */
const PATIENCE_MS = 60_000

/** The facts of a Python, or the reason in words why it cannot be run. @throws the reason of `signal` */
export async function pythonFacts(
  python: string,
  environment: Readonly<Record<string, string>> = {},
  signal?: AbortSignal,
): Promise<PythonFacts | string> {
  signal?.throwIfAborted()
  const script = resolve(import.meta.dir, 'python/python_facts.py')
  try {
    const child = Bun.spawn([python, script, MODULES], {
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'ignore',
      env: { ...process.env, ...environment },
      timeout: PATIENCE_MS,
      ...(signal && { signal }),
    })
    const [text, code] = await Promise.all([child.stdout.text(), child.exited])
    signal?.throwIfAborted()
    if (code !== 0) return `ended with exit code ${code}`
    // A package may print something when it is imported.
    return v.parse(PythonFactsSchema, parseJson(text.trim().split('\n').at(-1) ?? ''))
  } catch (error) {
    signal?.throwIfAborted()
    return messageOf(error)
  }
}
