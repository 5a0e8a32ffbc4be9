/**
 * Counts the lines of hand-written TypeScript in src, packages and bench, without tests: of the working tree, or of a commit.
 * Usage: bun scripts/count-lines.ts [COMMIT]
 */
const [commit] = process.argv.slice(2)
const files = ['src/*.ts', 'packages/*.ts', 'bench/*.ts', ':!*_pb.ts', ':!packages/*/test/*']
const child = Bun.spawnSync(['git', 'grep', '--count', '', ...(commit ? [commit] : []), '--', ...files])
if (!child.success) {
  console.error(
    child.stderr.toString() || 'error: no TypeScript found: run this in a checkout of the project',
  )
  process.exit(1)
}
const lines = new Map<string, number>()
for (const row of child.stdout.toString().trim().split('\n')) {
  const [path = '', count] = row.split(':').slice(-2)
  const folder = path.split('/').slice(0, -1).slice(0, 2).join('/')
  lines.set(folder, (lines.get(folder) ?? 0) + Number(count))
}
const total = lines.values().reduce((sum, count) => sum + count, 0)
for (const [folder, count] of [...lines].sort(([, a], [, b]) => b - a)) console.log(`${count}\t${folder}`)
console.log(`${total}\tall`)
