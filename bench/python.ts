import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/** The Python with the alternatives: that of VIRNUCPRO_BENCH_PYTHON, else the one bench/baseline/setup.sh makes. */
export function benchPython(): string | undefined {
  const path =
    process.env.VIRNUCPRO_BENCH_PYTHON ?? resolve(import.meta.dir, '../.cache/test-python/bin/python')
  return existsSync(path) ? path : undefined
}

/** The Python that has esm-cpp: beside that one, made by the same script. */
export function esmCppPython(): string | undefined {
  const python = benchPython()
  const path = python === undefined ? undefined : join(dirname(python), '../esm-cpp/bin/python')
  return path !== undefined && existsSync(path) ? path : undefined
}

export const NO_PYTHON =
  'no Python with the alternatives: run bench/baseline/setup.sh, or name one with VIRNUCPRO_BENCH_PYTHON'

/**
 * A Python program that answers each line of JSON with one, so that its rounds can alternate with ours while imports
 * and models are loaded once. An answer with `error` is thrown here.
 */
export class PythonWorker implements AsyncDisposable {
  readonly #child: ReturnType<typeof start>
  readonly #lines: AsyncIterator<string>

  private constructor(child: ReturnType<typeof start>) {
    this.#child = child
    this.#lines = linesOf(child.stdout)
  }

  /** @param program file in the folder of the benches */
  static start(python: string, program: string, threads: number): PythonWorker {
    return new PythonWorker(start([python, join(import.meta.dir, program)], threads))
  }

  async ask<T extends object>(question: object): Promise<T> {
    this.#child.stdin.write(`${JSON.stringify(question)}\n`)
    await this.#child.stdin.flush()
    const { value, done } = await this.#lines.next()
    if (done) throw new Error(`the Python side ended, exit code ${await this.#child.exited}`)
    const answer = JSON.parse(value)
    if (answer.error !== undefined) throw new Error(`the Python side failed: ${answer.error}`)
    return answer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stdin.end()
    await this.#child.exited
  }
}

/** Python's libraries get as many threads as we do; what they say on standard error is shown only when they fail. */
function start(command: string[], threads: number) {
  const count = String(threads)
  const env = { ...process.env, OMP_NUM_THREADS: count, MKL_NUM_THREADS: count, ESM_NUM_THREADS: count }
  return Bun.spawn(command, {
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
    env: { ...env, PYTHONWARNINGS: 'ignore', TOKENIZERS_PARALLELISM: 'false', PYTHONDONTWRITEBYTECODE: '1' },
  })
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
    rest = lines.pop()!
    yield* lines.filter((line) => line.trim() !== '')
  }
}
