import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomFasta } from '../../../scripts/support/fasta.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { type CliResult, repository, resultOf, spawnCli } from '../../support/cli.ts'
import type { Disks } from '../../support/faults/disks.ts'

const tiny = (name: string) => join(repository, 'test/data/tiny/models', name)

/** Small models in the published layouts. */
export const weights = {
  esm: tiny('esm2_t2_tiny.pt'),
  dnabert: tiny('dnabert_s_tiny'),
  mlp: tiny('500_model.pth'),
}

export const WEIGHTS = ['--esm', weights.esm, '--dnabert', weights.dnabert, '--mlp', weights.mlp]

/** The last line of a set-up. */
export const PREDICT = 'virnucpro predict --input READS.fasta --output-dir RESULTS\n'

/**
 * A home, a folder to work in, and what a user types there.
 *
 * @param disks - what the commands see; the home lies there
 */
export function user(env: Readonly<Record<string, string>> = {}, home?: string, disks?: Disks) {
  const folder = temporaryFolder()
  const place = home ?? folder.join('home')
  // Weights in the caches of whoever runs the tests are not theirs to find.
  const variables = { NO_COLOR: '1', HOME: folder.path, ...env, VIRNUCPRO_HOME: place }
  const within = disks?.within ?? []
  const start = (...words: string[]) => spawnCli(words, { cwd: folder.path, env: variables, within })
  return {
    home: (...parts: string[]) => join(place, ...parts),
    join: folder.join,
    path: folder.path,
    start,
    run: (...words: string[]): Promise<CliResult> => resultOf(start(...words)),
    /** Runs what must succeed. */
    async succeed(...words: string[]): Promise<CliResult> {
      const result = await resultOf(start(...words))
      if (result.code !== 0) throw new Error(`virnucpro ${words.join(' ')}: ${result.code}\n${result.stderr}`)
      return result
    },
    reads(records = 6): string {
      const path = folder.join('reads.fasta')
      Bun.write(path, randomFasta(1, records))
      return path
    },
    record: () => JSON.parse(readFileSync(join(disks?.at(place) ?? place, 'home.json'), 'utf8')),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

/** The steps that are not done, from what `--dry-run` prints. */
export function open(stdout: string): string[] {
  return [...stdout.matchAll(/^ {2}\d+\. (.*): about/gm)].map(([, title = '']) => title)
}
