/**
 * Counts the files and lines of our own TypeScript that each subpath of the package loads, imports that are awaited later
 * left out. Some subpaths have a limit; one that loads more ends the script with exit code 1.
 * Usage: bun scripts/import-cost.ts [--files] [SUBPATH | FILE ...]
 */
import { readFile } from 'node:fs/promises'
import { dirname, relative, resolve } from 'node:path'
import { subpathSources } from './support/package.ts'

/** What these load stays below so much. */
const LIMITS: Readonly<Record<string, { files?: number; lines?: number }>> = {
  '.': { files: 20 },
  './fasta': { files: 20 },
  './repository': { lines: 2600 },
}

const root = resolve(import.meta.dir, '..')
const transpiler = new Bun.Transpiler({
  loader: 'ts',
  tsconfig: JSON.stringify({ compilerOptions: { verbatimModuleSyntax: true } }),
})

/** Lines by path, of the file and everything that it imports. */
async function load(path: string, lines: Map<string, number>): Promise<void> {
  if (lines.has(path)) return
  const text = await readFile(path, 'utf8')
  lines.set(path, text.split('\n').length - 1)
  for (const { path: name, kind } of transpiler.scanImports(text)) {
    if (kind !== 'import-statement') continue
    const found = Bun.resolveSync(name, dirname(path))
    if (/\.ts$/.test(found) && !found.includes('/node_modules/')) await load(found, lines)
  }
}

const words = process.argv.slice(2)
const named = words.filter((word) => word !== '--files')
for (const subpath of named.length > 0 ? named : Object.keys(subpathSources)) {
  const key = subpath.replace(/^virnucpro(?=\/|$)/, '.')
  const lines = new Map<string, number>()
  await load(resolve(root, subpathSources[key] ?? subpath), lines)
  const total = lines.values().reduce((sum, count) => sum + count, 0)
  console.log(`${lines.size}\t${total}\t${subpath}`)
  const { files: mostFiles = Infinity, lines: mostLines = Infinity } = LIMITS[key] ?? {}
  if (lines.size >= mostFiles || total >= mostLines) {
    console.error(`${subpath} loads too much: expected fewer than ${mostFiles} files and ${mostLines} lines`)
    process.exitCode = 1
  }
  if (!words.includes('--files')) continue
  for (const [path, count] of [...lines].sort(([, a], [, b]) => b - a))
    console.log(`\t${count}\t${relative(root, path)}`)
}
