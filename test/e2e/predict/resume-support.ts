import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { randomFasta } from '../../../scripts/support/fasta.ts'
import { filesIn } from '../../support/files.ts'

export { differences } from '../../support/files.ts'

export const repository = resolve(import.meta.dir, '../../..')
const entry = join(repository, 'src/cli/main.ts')

export interface Ended {
  code: number | null
  signal: string | number | null
  messages: string
}

export interface Started {
  readonly child: Bun.Subprocess
  /** Resolves when a message that contains this has come; false when the process has ended without it. */
  said(text: string): Promise<boolean>
  ended(): Promise<Ended>
}

/** Starts the real command line; `shell` goes before it, for limits of the process. */
export function start(args: readonly string[], { shell = '', stdin = '' } = {}): Started {
  const words = [process.execPath, entry, ...args]
  const command = shell === '' ? words : ['bash', '-c', `${shell}\nexec "$@"`, 'bash', ...words]
  const environment = Object.entries(process.env).filter(
    ([name]) => !/^(VIRNUCPRO_|NO_COLOR|FORCE_COLOR)/.test(name),
  )
  const child = Bun.spawn(command, {
    cwd: repository,
    env: Object.fromEntries(environment),
    stdin: new Blob([stdin]),
    stdout: 'pipe',
    stderr: 'pipe',
  })
  let messages = ''
  let changed = Promise.withResolvers<void>()
  const reading = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      messages += text
      changed.resolve()
      changed = Promise.withResolvers()
    }
  })()
  return {
    child,
    async said(text) {
      while (!messages.includes(text)) {
        const next = changed.promise
        if (messages.includes(text)) break
        if ((await Promise.race([next.then(() => 'more'), reading.then(() => 'end')])) === 'end')
          return messages.includes(text)
      }
      return true
    },
    async ended() {
      await child.exited
      await reading
      return { code: child.exitCode, signal: child.signalCode, messages }
    },
  }
}

export async function run(
  args: readonly string[],
  options: Parameters<typeof start>[1] = {},
): Promise<Ended> {
  return await start(args, options).ended()
}

/** All files of an output folder by name, without the state and the report of runs, which hold times. */
export function outputs(folder: string): Map<string, Buffer> {
  return filesIn(folder, /^\.(virnucpro|checkpoints)|^[^/]+_report\//)
}

/** Sequences computed by each model, from the messages of runs with `--verbose`. */
export function computed(messages: string): Record<'esm2' | 'dnabert_s', number[]> {
  const counts = { esm2: [] as number[], dnabert_s: [] as number[] }
  for (const [, model, count] of messages.matchAll(/computed (esm2|dnabert_s): (\d+) sequences/g))
    counts[model as 'esm2'].push(Number(count))
  return counts
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0)
}

/** Writes an input and returns the words of a run over it in many small batches and parts. */
export async function smallRun(
  folder: string,
  records = 40,
  seed = 1,
): Promise<(output: string) => string[]> {
  await mkdir(folder, { recursive: true })
  const input = join(folder, 'reads.fa')
  const bundle = join(folder, 'bundle')
  await cp(join(repository, 'examples', 'demo-bundle'), bundle, { recursive: true })
  await writeFile(input, randomFasta(seed, records))
  return (output) =>
    `predict ${input} --output-dir ${output} --bundle ${bundle} --expected-length 300 --sequences-per-file 11 --esm-batch-size 256 --dnabert-batch-size 256 --verbose`.split(
      ' ',
    )
}
