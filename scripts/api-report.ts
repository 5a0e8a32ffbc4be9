/**
 * Writes packaging/public-api.txt: what each subpath of the package exports, and the declaration of everything that a
 * program can see through it. Whoever changes the public surface changes that file, and sees in it whether a program may break.
 * Usage: bun scripts/api-report.ts [--check]   (--check writes nothing; exits non-zero where the file is not up to date)
 */
import { readFile, writeFile } from 'node:fs/promises'
import { relative, resolve } from 'node:path'
import ts from 'typescript-api'
import { subpathSources } from './support/package.ts'

const root = resolve(import.meta.dir, '..')
const report = resolve(root, 'packaging/public-api.txt')
const built = resolve(root, '.cache/api/dist')

async function run(...command: string[]): Promise<void> {
  const child = Bun.spawn(command, { cwd: root, stdin: 'ignore', stdout: 'inherit', stderr: 'inherit' })
  if ((await child.exited) !== 0) throw new Error(`${command.join(' ')} failed`)
}

await run(process.execPath, 'scripts/build.ts', '--types', built)

const entries = Object.entries(subpathSources).map(([subpath, source]) => ({
  name: subpath.replace('.', 'virnucpro'),
  path: resolve(built, source.replace('src/', '').replace(/\.ts$/, '.d.ts')),
}))
const program = ts.createProgram(
  entries.map(({ path }) => path),
  {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ESNext,
    typeRoots: [resolve(root, 'node_modules/@types')],
    types: ['node'],
    strict: true,
    noEmit: true,
  },
)
const checker = program.getTypeChecker()
const printer = ts.createPrinter({ removeComments: true })

/** Declarations by the file that they are in, each once. */
const declared = new Map<string, Set<string>>()
const seen = new Set<ts.Node>()

/** The statement that declares it, which of several variables is all of them. */
function statementOf(declaration: ts.Node): ts.Node {
  let node = declaration
  while (node.parent !== undefined && !ts.isSourceFile(node.parent)) node = node.parent
  return node
}

function isOurs(node: ts.Node): boolean {
  return node.getSourceFile().fileName.startsWith(built)
}

/** @param isExported - by an entry point: the type of any other variable is only a way to write down another type */
function follow(symbol: ts.Symbol, isExported = false): void {
  const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
  for (const declaration of target.declarations ?? []) {
    const statement = statementOf(declaration)
    if (isOurs(declaration) && (isExported || !ts.isVariableStatement(statement))) note(statement)
  }
}

function note(statement: ts.Node): void {
  if (seen.has(statement) || ts.isSourceFile(statement)) return
  seen.add(statement)
  const file = statement.getSourceFile()
  const place = relative(built, file.fileName).replace(/\.d\.ts$/, '')
  const texts = declared.get(place) ?? new Set<string>()
  declared.set(place, texts)
  const text = printer.printNode(ts.EmitHint.Unspecified, statement, file)
  texts.add(text.replace(/^export declare |^export |^declare /, '') + resolved(statement, text))
  visit(statement)
}

/** The members that a type has without naming them, such as those of a schema. */
function resolved(statement: ts.Node, text: string): string {
  if (!ts.isInterfaceDeclaration(statement) && !ts.isTypeAliasDeclaration(statement)) return ''
  const type = checker.getTypeAtLocation(statement.name)
  if (!(type.flags & ts.TypeFlags.Object) || checker.isArrayType(type)) return ''
  const members = type
    .getProperties()
    .filter(({ name }) => !new RegExp(`\\b${RegExp.escape(name)}\\b`).test(text))
  const lines = members.map((member) => {
    const isOptional = (member.flags & ts.SymbolFlags.Optional) !== 0
    const own = checker.typeToString(
      checker.getTypeOfSymbol(member),
      undefined,
      ts.TypeFormatFlags.NoTruncation,
    )
    // TypeScript numbers the names that are symbols, each time otherwise.
    const name = member.name.replace(/^__@(\w+)@\d+$/, '[Symbol.$1]')
    return `\n  // ${name}${isOptional ? '?' : ''}: ${own}`
  })
  return lines.sort().join('')
}

/** Names that a declaration mentions lead to more of what a program can see. */
function visit(node: ts.Node): void {
  if (ts.isIdentifier(node)) {
    const symbol = checker.getSymbolAtLocation(node)
    if (symbol !== undefined) follow(symbol)
  } else if (ts.isImportTypeNode(node) && node.qualifier !== undefined) {
    const symbol = checker.getSymbolAtLocation(node.qualifier)
    if (symbol !== undefined) follow(symbol)
  }
  node.forEachChild(visit)
}

const sections = entries.map(({ name, path }) => {
  const file = program.getSourceFile(path)
  const module = file && checker.getSymbolAtLocation(file)
  if (module === undefined) throw new Error(`${path} exports nothing`)
  const exported = checker.getExportsOfModule(module)
  for (const symbol of exported) follow(symbol, true)
  const names = exported.map((symbol) => symbol.name).sort()
  return `## ${name}\n\n${names.join('\n')}\n`
})
const details = [...declared]
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([place, texts]) => `## from ${place}\n\n${[...texts].sort().join('\n')}\n`)
const text = `# The public interface. Made by scripts/api-report.ts, never by hand.\n\n${[...sections, ...details].join('\n')}`

const before = await readFile(report, 'utf8').catch(() => '')
if (process.argv.includes('--check')) {
  if (before !== text) {
    const known = new Set(before.split('\n'))
    const now = new Set(text.split('\n'))
    for (const line of known) if (!now.has(line)) console.error(`- ${line}`)
    for (const line of now) if (!known.has(line)) console.error(`+ ${line}`)
    console.error(
      'the public interface has changed: run bun scripts/api-report.ts, and see CONTRIBUTING.md, Versions, for what that asks for',
    )
    process.exitCode = 1
  }
} else if (before !== text) await writeFile(report, text)
