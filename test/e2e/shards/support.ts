import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { randomSource } from '../../../scripts/support/random.ts'

/** With batches of one sequence the last digits of a score do not depend on its neighbours: all can be compared to the byte. */
export const COMPUTE = '--bundle demo --device cpu -e 100 --token-budget 1 --no-progress'.split(' ')

/** What a merger has no say in: how a process went, and states for other programs. */
const OF_PROCESSES = /(metrics\.(jsonl|prom)|\/files\.log|\.checkpoints\/.*)$/
/** What names the run itself, or when it was. */
const SPOKEN = /(run\.json|summary\.json|report\.html)$/

/** The files in an output folder, by name, as far as the run over the whole and a merger must agree. */
export function filesOfWhole(folder: string): Map<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
  return new Map(
    names
      .filter((name) => statSync(join(folder, name)).isFile() && !OF_PROCESSES.test(`/${name}`))
      .map((name) => [name, SPOKEN.test(name) ? '' : readFileSync(join(folder, name), 'latin1')]),
  )
}

/** Random letters that are the same for a seed. */
export function lettersFrom(seed: number): (length: number, of: string) => string {
  const random = randomSource(seed)
  return (length, of) => Array.from({ length }, () => of[Math.floor(random() * of.length)]).join('')
}

/** The reads of one file of a pair. */
export function matesAsFastq(mate: number, count: number, letters: ReturnType<typeof lettersFrom>): string {
  return Array.from({ length: count }, (_, i) => {
    const read = i === 3 && mate === 1 ? '' : letters(60 + 10 * i, 'ACCG')
    return `@read${i} ${mate}:N\n${read}\n+\n${'I'.repeat(read.length)}\n`
  }).join('')
}
