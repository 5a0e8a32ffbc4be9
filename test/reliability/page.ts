/**
 * Writes the tables of docs/reference/reliability.md and SECURITY.md, between `<!-- reliability: WHAT -->` and `<!-- end -->`,
 * from the tables beside this file and from what the long tests have recorded. Fails where a table names a test that does not
 * exist.
 * Usage: bun test/reliability/page.ts [--check]
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, posix, resolve } from 'node:path'
import { table } from '../../scripts/support/reference/markdown.ts'
import type { Evidence } from './evidence.ts'
import { FAULTS } from './faults.ts'
import { MEMORY } from './memory.ts'
import { exactness, fuzzing, largeInputs, soaking } from './records.ts'
import { THREATS } from './threats.ts'

const root = resolve(import.meta.dir, '../..')
const PAGES = ['docs/reference/reliability.md', 'SECURITY.md']
const problems: string[] = []

/** The contents by name; each gets the path of the page that it is for. */
const CONTENTS: Readonly<Record<string, (page: string) => string>> = {
  faults: (page) =>
    FAULTS.filter(({ faults }) => faults.length > 0)
      .map(({ title, faults }) => {
        const rows = faults.map(({ fault, seen, lost, test }) => [fault, seen, lost, linkTo(test, page)])
        return `### ${title}\n\n${table(['fault', 'what you see', 'what is lost', 'test'], rows)}`
      })
      .join('\n'),
  fuzzing,
  soaking,
  exactness,
  memory: (page) =>
    table(
      ['input', 'memory', 'why', 'test'],
      MEMORY.map(({ input, bound, why, test }) => [input, bound, why, linkTo(test, page)]),
    ) + largeInputs(),
  threats: (page) =>
    THREATS.map(({ who, threats }) => {
      const rows = threats.map(({ attempt, defence, test }) => [attempt, defence, linkTo(test, page)])
      return `### ${who}\n\n${table(['what is tried', 'what stops it', 'test'], rows)}`
    }).join('\n'),
}

/** A link to the file of a test, with its name as a tooltip. */
function linkTo({ file, name }: Evidence, page: string): string {
  const text = existsSync(join(root, file)) ? readFileSync(join(root, file), 'utf8') : undefined
  if (text === undefined) problems.push(`${file}: no such test file`)
  else if (!text.includes(name.replaceAll("'", "\\'")) && !text.includes(name))
    problems.push(`${file}: no test has the name ${JSON.stringify(name)}`)
  const path = posix.relative(dirname(page), file)
  return `[${posix.basename(file).replace(/\.test\.ts$/, '')}](${path} "${name.replaceAll('"', '&quot;')}")`
}

const isCheck = process.argv.includes('--check')
for (const page of PAGES.filter((each) => existsSync(join(root, each)))) {
  const path = join(root, page)
  const before = readFileSync(path, 'utf8')
  const after = before.replaceAll(
    /(<!-- reliability: (.+) -->\n)[\s\S]*?(?=<!-- end -->)/g,
    (_, marker: string, name: string) => {
      const content = CONTENTS[name]
      if (content === undefined) problems.push(`${page}: nothing is called ${name}`)
      return `${marker}\n${content?.(page) ?? ''}\n`
    },
  )
  if (after === before) continue
  if (isCheck) problems.push(`${page}: not what test/reliability says; run bun test/reliability/page.ts`)
  else writeFileSync(path, after)
}
for (const problem of problems) console.error(problem)
if (problems.length > 0) process.exit(1)
