import { expect, test } from 'bun:test'
import { randomSource } from '../../../scripts/support/random.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { computed, differences, type Ended, outputs, run, smallRun, start, sum } from './resume-support.ts'

const KILLS = Number(process.env.VIRNUCPRO_TEST_KILLS ?? 16)
const SEED = Number(process.env.VIRNUCPRO_TEST_SEED ?? 1)
/** Killed runs at once; each mostly waits for its own start. */
const WORKERS = 3

interface Reference {
  files: Map<string, Buffer>
  /** Sequences of all batches, and those of the largest one. */
  sequences: { esm2: number; dnabert_s: number }
  largest: { esm2: number; dnabert_s: number }
  /** Milliseconds from the start, and from the moment the models are there, to the end. */
  whole: number
  working: number
}

async function reference(words: string[], output: string): Promise<Reference> {
  const began = performance.now()
  const started = start(words)
  await started.said('models:')
  const ready = performance.now()
  const { code, messages } = await started.ended()
  expect(code).toBe(0)
  const { esm2, dnabert_s } = computed(messages)
  return {
    files: outputs(output),
    sequences: { esm2: sum(esm2), dnabert_s: sum(dnabert_s) },
    largest: { esm2: Math.max(...esm2), dnabert_s: Math.max(...dnabert_s) },
    whole: performance.now() - began,
    working: performance.now() - ready,
  }
}

/** Lets a run live until a random moment: one in six dies while it starts, the others at work. */
async function killedAtRandom(
  words: string[],
  signal: 'SIGKILL' | 'SIGTERM',
  next: () => number,
  { whole, working }: Reference,
): Promise<Ended> {
  const early = next() < 1 / 6
  const delay = next() * (early ? whole - working : 1.1 * working)
  const started = start(words)
  if (!early) await started.said('models:')
  await Bun.sleep(delay)
  started.child.kill(signal)
  return await started.ended()
}

const cases = [
  { signal: 'SIGKILL', keep: true, share: 0.6 },
  { signal: 'SIGKILL', keep: false, share: 0.4 },
  { signal: 'SIGTERM', keep: true, share: 0.4 },
] as const

test.each(cases)(
  'a run stopped by $signal at a random moment (intermediates kept: $keep) ends as if it never was',
  async ({ signal, keep, share }) => {
    await using folder = temporaryFolder()
    const command = await smallRun(folder.path)
    const words = (output: string) => [...command(output), ...(keep ? ['--keep-intermediate'] : [])]
    const expected = await reference(words(folder.join('whole')), folder.join('whole'))
    const tally = { stopped: 0, finished: 0, atWork: 0, repeated: 0 }

    const attempt = async (number: number): Promise<void> => {
      const next = randomSource(1000 * SEED + number)
      const output = folder.join(`output_${number}`)
      const ends: Ended[] = []
      // Some are stopped again while they continue.
      do ends.push(await killedAtRandom(words(output), signal, next, expected))
      while (next() < 0.3)
      for (const end of ends) {
        if (end.code === 0) tally.finished++
        else if (signal === 'SIGKILL') expect(end.signal).toBe('SIGKILL')
        else if (end.signal === null) {
          // Before the program has installed its handler, the signal itself ends it.
          expect({ code: end.code, messages: end.messages }).toMatchObject({ code: 143 })
          expect(end.messages).toContain('stopped by SIGTERM')
          if (end.messages.includes('computed'))
            expect(end.messages).toMatch(/the same command continues|the run had finished by then/)
        }
      }
      const stopped = ends.filter(({ code }) => code !== 0)
      tally.stopped += stopped.length
      tally.atWork += stopped.filter(({ messages }) => messages.includes('computed')).length
      const last = await run(words(output))
      expect({ code: last.code, messages: last.messages }).toMatchObject({ code: 0 })
      expect(differences(outputs(output), expected.files)).toEqual([])

      const all = computed([...ends, last].map(({ messages }) => messages).join(''))
      for (const model of ['esm2', 'dnabert_s'] as const) {
        const repeated = sum(all[model]) - expected.sequences[model]
        tally.repeated += repeated
        const oneBatchEach = stopped.length * expected.largest[model]
        // A batch is on the disk before its message is written: SIGKILL may come between the two.
        expect(-repeated).toBeLessThanOrEqual(signal === 'SIGKILL' ? oneBatchEach : 0)
        // One batch has been computed and is on its way to the disk; its successor has not been counted yet.
        expect(repeated).toBeLessThanOrEqual(oneBatchEach)
      }
    }
    const queue = Array.from({ length: Math.ceil(KILLS * share) }, (_, i) => i)
    const work = async () => {
      for (let number = queue.shift(); number !== undefined; number = queue.shift()) await attempt(number)
    }
    await Promise.all(Array.from({ length: WORKERS }, work))
    console.log(`${signal}, intermediates kept: ${keep}: ${JSON.stringify(tally)}`)
    expect(tally.atWork).toBeGreaterThan(0)
  },
  3_600_000,
)
