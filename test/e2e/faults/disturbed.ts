import { expect } from 'bun:test'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomFasta } from '../../../scripts/support/fasta.ts'
import { randomSource } from '../../../scripts/support/random.ts'
import { type SpawnOptions, spawnCli } from '../../support/cli.ts'
import { SEED } from '../../support/faults/seed.ts'
import { differences, outputs } from '../predict/resume-support.ts'

/** Numbers and choices from {@link SEED}. */
export function drawing(name: string) {
  console.log(`${name}: VIRNUCPRO_TEST_SEED=${SEED}`)
  const next = randomSource(SEED)
  return {
    below: (end: number) => Math.floor(next() * end),
    oneOf: <T>(items: readonly T[]): T => items[Math.floor(next() * items.length)]!,
    shuffled: <T>(items: readonly T[]): T[] =>
      items
        .map((item) => [next(), item] as const)
        .sort(([a], [b]) => a - b)
        .map(([, item]) => item),
  }
}

/** Words of a run in many small batches and parts over `reads.fa` of a folder, which is written. */
export function smallRun(folder: string, output: string, input = join(folder, 'reads.fa')): string[] {
  writeFileSync(input, randomFasta(1, 24))
  return [
    ...['predict', input, '--output-dir', output, '--bundle', 'demo', '--expected-length', '300'],
    ...'--sequences-per-file 11 --token-budget 256 --threads 1 --backend onnx --keep-intermediate --verbose'.split(
      ' ',
    ),
  ]
}

export interface Ended {
  readonly code: number
  /** What ended it, where the program did not choose its exit code. */
  readonly signal: string | number | undefined
  readonly messages: string
}

export interface UnderWay {
  readonly child: ReturnType<typeof spawnCli>
  /** Resolves when a message has come so often, or the process has ended. */
  said(text: string, times?: number): Promise<void>
  ended(): Promise<Ended>
}

/** Starts a command; `shell` are lines of bash before it, for limits and redirections of the process. */
export function begin(words: readonly string[], options: SpawnOptions & { shell?: string } = {}): UnderWay {
  const { shell, ...given } = options
  const within = shell === undefined ? given.within : ['bash', '-c', `${shell}\nexec "$@"`, 'bash']
  const child = spawnCli(words, { ...given, ...(within && { within }) })
  let messages = ''
  let changed = Promise.withResolvers<void>()
  const reading = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      messages += text
      changed.resolve()
      changed = Promise.withResolvers()
    }
    changed.resolve()
  })()
  return {
    child,
    async said(text, times = 1) {
      let isOver = false
      reading.then(() => {
        isOver = true
      })
      while (!isOver && messages.split(text).length <= times) await changed.promise
    },
    async ended() {
      const code = await child.exited
      await reading
      return { code, signal: child.signalCode ?? undefined, messages }
    },
  }
}

export async function run(words: readonly string[], options?: Parameters<typeof begin>[1]): Promise<Ended> {
  return await begin(words, options).ended()
}

/** The files of a run that nobody disturbs. */
export async function undisturbed(words: readonly string[], output: string): Promise<Map<string, Buffer>> {
  const { code, messages } = await run(words)
  expect({ code, messages: code === 0 ? '' : messages }).toEqual({ code: 0, messages: '' })
  return outputs(output)
}

/** Unfinished files and locks below a folder. */
export function leftBehind(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.tmp$|\.lock/.test(name),
  )
}

/** The same command goes on after whatever happened, ends with the files of an undisturbed run, and leaves nothing behind. */
export async function goesOn(
  words: readonly string[],
  output: string,
  expected: ReadonlyMap<string, Buffer>,
  options?: Parameters<typeof begin>[1],
): Promise<Ended> {
  const ended = await run(words, options)
  expect({ code: ended.code, messages: ended.code === 0 ? '' : ended.messages }).toEqual({
    code: 0,
    messages: '',
  })
  expect(differences(outputs(output), expected)).toEqual([])
  expect(leftBehind(output)).toEqual([])
  return ended
}

/** A failure that is said in words and may be tried again. */
export function expectInWords({ code, messages }: Ended, expected: number, words: string | RegExp): void {
  expect({ code, messages }).toMatchObject({ code: expected })
  expect(messages).toMatch(words)
  expect(messages).not.toContain('defect')
}
