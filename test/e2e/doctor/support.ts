import { cpSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import type { Manifest } from '../../../src/bundle/index.ts'
import { resealBundle } from '../../support/bundle.ts'
import { repository, virnucpro } from '../../support/cli.ts'

/** What `doctor --json` prints. */
export interface Report {
  format: string
  version: number
  verdict: string
  findings: { id: string; title: string; verdict: string; text: string; remedy?: string }[]
}

/** What the real command says, with its findings by name. */
export async function doctor(
  env: Record<string, string> = {},
  { cwd = repository, words = [] }: { cwd?: string; words?: string[] } = {},
) {
  const { code, stdout, stderr } = await virnucpro(['doctor', '--json', ...words], cwd, env)
  const report: Report = JSON.parse(stdout)
  const by = Object.fromEntries(report.findings.map((finding) => [finding.id, finding]))
  const verdicts = Object.fromEntries(report.findings.map(({ id, verdict }) => [id, verdict]))
  return { code, stderr, report, by, verdicts }
}

/** Name of a bundle of the home. */
export const ID = 'aaaa1111aaaa1111'

/** A home with the demonstration as its default bundle, as if its weights were trained. */
export function homeWith(
  change: (manifest: Manifest, folder: string) => void = () => {},
  record: Record<string, unknown> = {},
) {
  const folder = temporaryFolder()
  const bundle = folder.join('bundles', ID)
  mkdirSync(folder.join('bundles'), { recursive: true })
  cpSync(join(repository, 'examples/demo-bundle'), bundle, { recursive: true })
  resealBundle(bundle, (manifest) => {
    Object.assign(manifest, { demo: false })
    manifest.models.mlp.chunkLength = 500
    change(manifest, bundle)
  })
  const home = { format: 'virnucpro-home', version: 1, bundle: ID, ...record }
  writeFileSync(folder.join('home.json'), JSON.stringify(home))
  return folder
}

/** A second classifier: both lengths that are published. */
export function addClassifier(manifest: Manifest, folder: string): void {
  const { mlp } = manifest.models
  const path = 'mlp300/model.onnx'
  cpSync(join(folder, mlp.graph.path), join(folder, path))
  Object.assign(manifest, { version: 2 })
  manifest.models.classifiers = [{ ...mlp, chunkLength: 300, graph: { ...mlp.graph, path } }]
}

/** Weights of so many bytes that are not there: a file with a hole. */
export function enlarge(manifest: Manifest, folder: string, size: number): void {
  const { weights } = manifest.models.esm2
  weights.bytes = size
  truncateSync(join(folder, weights.path), size)
}
