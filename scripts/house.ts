/**
 * Checks the structure of src: rooms depend on rooms below them only, nothing reaches past the `index.ts` of another
 * folder, and each such index starts with a comment that says what its folder is.
 * Usage: bun scripts/house.ts
 */
import { existsSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

/** The rooms from top to bottom: each may import from those after it. */
const ROOMS = [
  'cli',
  'setup',
  'doctor',
  'embed',
  'shards',
  'predict',
  'estimate',
  'verify',
  'legacy',
  'report',
  'server',
  'dispatch',
  'import',
  'pull',
  'checkpoint',
  'monitor',
  'recheck',
  'results',
  'tables',
  'settings',
  'home',
  'bundle',
  'samples',
  'layout',
  'batching',
  'sequence',
  'tokenizers',
  'fasta',
  'onnx',
  'torchfile',
  'machine',
  'text',
  'system',
]

const root = join(import.meta.dir, '..')
const problems: string[] = []
const files = [...new Bun.Glob('src/**/*.ts').scanSync(root)].sort()
for (const file of files) {
  const text = await Bun.file(join(root, file)).text()
  if (file.endsWith('/index.ts') && !/^\/[/*]/.test(text)) problems.push(`${file}: starts with no comment`)
  for (const [, name = ''] of text.matchAll(/\b(?:from|import)\s*\(?\s*'(\.[^']+)'/g)) {
    const target = join(dirname(file), name)
    if (target.startsWith('src/')) check(file, target)
  }
}
for (const room of new Set(files.filter((file) => file.split('/').length > 2).map(roomOf)))
  if (!ROOMS.includes(room)) problems.push(`src/${room}: not in the list of rooms`)
for (const problem of problems) console.error(problem)
if (problems.length > 0) process.exit(1)

function roomOf(file: string): string {
  return file.split('/')[1] ?? ''
}

function check(file: string, target: string): void {
  const [from, to] = [roomOf(file), roomOf(target)]
  // The entry points of the package lie beside the rooms.
  const entry = !ROOMS.includes(from)
  if (!entry && ROOMS.includes(to) && ROOMS.indexOf(to) < ROOMS.indexOf(from))
    problems.push(`${file}: ${from} is below ${to} and imports ${target}`)
  const passed = entered(file, target).find((folder) => existsSync(join(root, folder, 'index.ts')))
  if (passed !== undefined && target !== `${passed}/index.ts`)
    problems.push(`${file}: reaches past ${passed}/index.ts to ${target}`)
}

/** The folders that an import goes down into, outermost first. */
function entered(file: string, target: string): string[] {
  const down = relative(dirname(file), dirname(target))
    .split('/')
    .filter((part) => part !== '..' && part !== '')
  return down.map((_, at) =>
    dirname(target)
      .split('/')
      .slice(0, at - down.length + 1 || undefined)
      .join('/'),
  )
}
