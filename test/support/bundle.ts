import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BundleFile, type Manifest, manifestText } from '../../src/bundle/index.ts'
import { sha256 } from '../../src/system/sha256.ts'

/**
 * Writes the manifest of a bundle once more, after its files were changed on purpose: another bundle, which is whole.
 * @param change - is given the manifest to change it, too
 */
export function resealBundle(folder: string, change: (manifest: Manifest) => void = () => {}): void {
  const path = join(folder, 'manifest.json')
  const { checksum: _, ...manifest } = JSON.parse(readFileSync(path, 'utf8')) as Manifest & {
    checksum?: string
  }
  const { esm2, dnabert_s, mlp } = manifest.models
  const files = [
    esm2.graph,
    esm2.weights,
    dnabert_s.graph,
    dnabert_s.weights,
    dnabert_s.tokenizer!,
    mlp.graph,
  ]
  for (const file of files) Object.assign(file, described(folder, file))
  change(manifest)
  writeFileSync(path, manifestText(manifest))
}

function described(folder: string, { path }: BundleFile): Omit<BundleFile, 'path'> {
  const file = join(folder, path)
  return { bytes: statSync(file).size, sha256: sha256(readFileSync(file)) }
}
