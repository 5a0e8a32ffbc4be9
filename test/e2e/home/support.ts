import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TemporaryFolder, temporaryFolder } from '../../../scripts/support/temporary.ts'
import { type CliResult, repository, virnucpro } from '../../support/cli.ts'

export const DEMO = join(repository, 'examples/demo-bundle')
export const CONTIGS = join(repository, 'examples/contigs.fasta')
/** Names that bundles of the home may have. */
export const IDS = ['aaaa1111aaaa1111', 'aaaa2222aaaa2222'] as const

export interface TestHome extends Disposable {
  readonly folder: TemporaryFolder
  /** A path below the home. */
  at(...parts: string[]): string
  env: Record<string, string>
  run(...words: string[]): Promise<CliResult>
}

/** A home with the demonstration under the given names. */
export function homeWith(ids: readonly string[], bundle?: string): TestHome {
  const folder = temporaryFolder()
  const home = folder.join('home')
  mkdirSync(home)
  for (const id of ids) cpSync(DEMO, join(home, 'bundles', id), { recursive: true })
  if (bundle !== undefined)
    writeFileSync(join(home, 'home.json'), JSON.stringify({ format: 'virnucpro-home', version: 1, bundle }))
  const env = { VIRNUCPRO_HOME: home }
  return {
    folder,
    env,
    at: (...parts) => join(home, ...parts),
    run: (...words) => virnucpro(words, folder.path, env),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  }
}
